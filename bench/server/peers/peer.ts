// What a peer of the comparison is: a server of somebody else's, started by us, that hosts the same functions.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Running } from "../../gateway/process.ts";
import { root } from "../../gateway/tools.ts";
import type { Dialect } from "./dialect.ts";

export interface Peer {
  readonly name: string;
  readonly title: string;
  /** needs is the program or Python without which it cannot be started; `npm run tools -- bench` brings it. */
  readonly needs: string;
  readonly dialect: Dialect;
  /** start hosts all models, with `dir` for whatever it needs. */
  start(dir: string, models: readonly string[]): Promise<Hosted>;
  /** alone gives what one run of a model takes in its runtime without a server, in µs of processor time; undefined says that it is ours. */
  readonly alone: ((model: string) => number) | undefined;
}

/** Hosted is a peer that runs; `rest` is undefined if it speaks no REST. */
export interface Hosted {
  readonly running: Running;
  readonly grpc: string;
  readonly rest: string | undefined;
}

/** Peers are children on the core that ours has. A peer that loads TensorFlow takes its time. */
export const cores = "0";
export const startMs = 120_000;

export const here: string = fileURLToPath(new URL(".", import.meta.url));
export const modelsDir: string = join(root, "testdata/models");

/** pythonOf is the interpreter of one of the tools' environments. */
export function pythonOf(venv: string): string {
  return join(root, ".tools", venv, "bin/python");
}

/** aloneInPython asks functions.py what a model takes by itself. */
export function aloneInPython(python: string, runtime: "numpy" | "tensorflow"): (model: string) => number {
  return (model) => {
    const said = execFileSync("taskset", ["-c", cores, python, join(here, "functions.py"), model, modelsDir, runtime], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return Number(said.trim().split("\n").at(-1));
  };
}

// Starts the server as the guide does, on this repository's models instead of /models.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Member, start, startOnFree, stop } from "../../scripts/demo/fleet.ts";

/** models is the folder that the guide calls /models. */
export const models: string = fileURLToPath(new URL("../../testdata/models/", import.meta.url));
const bin = join(fileURLToPath(import.meta.resolve("@tfs/server/package.json")), "../bin/tfs-server.js");

/** Guide is a folder of config files of the guide, as they are with /models where the models really lie. */
export interface Guide extends Disposable {
  /** file gives the path of a config file. */
  file(name: string): string;
  /** put puts the content of one file in the place of another, as whoever edits it does. */
  put(content: string, name: string): void;
}

export function newGuide(): Guide {
  const dir = mkdtempSync(join(tmpdir(), "tfs-guide-"));
  const write = (content: string, name: string): string => {
    const text = readFileSync(new URL(`config/${content}`, import.meta.url), "utf8");
    writeFileSync(join(dir, name), text.replaceAll('"/models/', JSON.stringify(models).slice(0, -1)));
    return join(dir, name);
  };
  return {
    file: (name) => write(name, name),
    put: (content, name) => void write(content, name),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Served is the server's process; disposing it drains it. */
export interface Served extends AsyncDisposable {
  /** grpc is an address, rest a URL. */
  readonly grpc: string;
  readonly rest: string;
  readonly member: Member;
}

/** serve starts the server with the flags of a step, and ports that are free. */
export async function serve(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Served> {
  const { member, ports } = await startOnFree([0, 0], ([port, restPort]) =>
    start("server", bin, [`--port=${port}`, `--rest_api_port=${restPort}`, ...flags], { ...process.env, ...env }),
  );
  return {
    grpc: `localhost:${ports[0]}`,
    rest: `http://localhost:${ports[1]}`,
    member,
    [Symbol.asyncDispose]: async () => {
      if (!(await stop(member))) throw new Error("the server did not end by itself with status 0");
    },
  };
}

/** available waits until a version is there: the server listens as soon as each model has one. */
export async function available(served: Served, version: string): Promise<void> {
  const started = performance.now();
  for (;;) {
    const text = await (await fetch(`${served.rest}/v1/models/${version}`)).text();
    if (text.includes("AVAILABLE")) return;
    if (performance.now() - started > 30_000) throw new Error(`${version} is not available: ${text}`);
  }
}

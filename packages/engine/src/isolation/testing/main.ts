// The engine's process of this package's tests: the embedded engine, which on request does what a broken native library does.
import { existsSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Code, newError } from "@tfs/std";
import { newEmbeddedEngine } from "../../embedded/index.ts";
import type { Engine, LoadedModel } from "../../engine.ts";
import { descriptors } from "../frame.ts";
import { serveEngine } from "../serve.ts";

/** broken does what a fetch of "!what" asks for; undefined for any other. */
function broken(fetch: string | undefined): Promise<never> | undefined {
  switch (fetch) {
    case "!SIGSEGV":
    case "!SIGKILL":
      process.kill(process.pid, fetch.slice(1) as NodeJS.Signals);
      return new Promise(() => {});
    case "!exit":
      process.exit(7);
      break;
    case "!throw":
      setImmediate(() => {
        throw new Error("thrown where nobody catches");
      });
      return new Promise(() => {});
    case "!spin":
      for (;;);
    case "!never":
      return new Promise(() => {});
    case "!garbage":
      writeSync(descriptors.frames, Uint8Array.of(255, 255, 255, 255));
      return new Promise(() => {});
    case "!stranger":
      writeSync(descriptors.frames, Uint8Array.of(8, 0, 0, 0, 17, 0, 0, 0, 255, 255, 255, 0));
      return new Promise(() => {});
    case "!write":
      process.stdout.write(`out\n${"x".repeat(100_000)}\n`);
      process.stderr.write("err\nunended");
      return Promise.reject(newError(Code.Aborted, "has written", new Error("the cause"), [Uint8Array.of(1, 2)]));
    default:
      return undefined;
  }
}

/** later gives others their turns, some more and some less, so that answers come in an order of their own. */
async function later(): Promise<void> {
  for (let turns = Math.floor(Math.random() * 20); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
}

function breakable(model: LoadedModel, shuffles: boolean): LoadedModel {
  return {
    metaGraph: model.metaGraph,
    estimateBytes: () => model.estimateBytes(),
    async run(ctx, feeds, fetches, took) {
      await broken(fetches[0]);
      if (shuffles) await later();
      return model.run(ctx, feeds, fetches, took);
    },
    close: () => model.close(),
  };
}

/**
 * usage: main.js [--crash_if=FILE] [--spin_if=FILE] [--shuffle] [--hold=FIFO] [--tell]. A load crashes or hangs while there is the file. The FIFO is held open from the
 * load on, for as long as the process lives. What is loaded is told.
 */
const given = process.argv.slice(2);
const argument = (flag: string): string | undefined => given.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1);
const file = (flag: string): boolean => existsSync(argument(flag) ?? "");
const fifo = argument("--hold");
/** held keeps its handle from being collected, which would close it. */
const held: FileHandle[] = [];
const embedded = newEmbeddedEngine();
const engine: Engine = {
  ...embedded,
  async load(ctx, dir, options) {
    if (given.includes("--tell")) process.stdout.write(`loads ${dir}\n`);
    if (fifo !== undefined) held.push(await open(fifo, "w"));
    if (file("--crash_if")) await broken("!SIGSEGV");
    if (file("--spin_if")) await broken("!spin");
    return breakable(await embedded.load(ctx, dir, options), given.includes("--shuffle"));
  },
};
try {
  await serveEngine(engine);
  process.exit(0);
} catch (err) {
  process.stderr.write(`${String(err)}\n`);
  process.exit(1);
}

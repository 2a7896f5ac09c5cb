import type { Trial } from "@tfs/engine";
import { type Ctx, newError, Code, throwIfDone } from "@tfs/std";
import type { InferOptions } from "../infer/index.ts";
import type { Servable, Tried } from "../servable/index.ts";
import { fileOf } from "./file.ts";
import { exists, parse, recordsOf, run } from "./warmup.ts";

export interface TrialsOptions {
  /** infer is how the verbs run otherwise. */
  readonly infer: Omit<InferOptions, "manager" | "log">;
}

/** Requests that engines are compared by: the first ones of a version's file. */
const maxTrials = 8;

/** taken ends a call when it is known what it would run; made in advance, and told nobody. */
const taken = newError(Code.Aborted, "taken for a trial");

/** newTrials makes what gives the runs that a version's warm-up requests come to, by which engines can be compared. What is wrong with a file is for its warm-up to say. */
export function newTrials({ infer }: TrialsOptions): (ctx: Ctx, version: Tried, dir: string) => Promise<readonly Trial[]> {
  return async (ctx, version, dir) => {
    const trials: Trial[] = [];
    const servable: Servable = {
      ...version,
      chosen: { engine: "auto", why: "" },
      run: (_, feeds, fetches) => {
        trials.push({ feeds, fetches });
        throw taken;
      },
      close: async () => {},
    };
    const options: InferOptions = { ...infer, manager: { acquire: () => ({ servable, [Symbol.dispose]() {} }), status: () => [] } };
    try {
      const path = fileOf(dir);
      if (!(await exists(path))) return [];
      let read = 0;
      for await (const bytes of recordsOf(ctx, path)) {
        await run(ctx, parse(bytes, path, ++read), options).catch(() => {});
        if (read >= maxTrials) break;
      }
    } catch {
      throwIfDone(ctx);
    }
    return trials;
  };
}

import { type EngineProcess, type ProcessOptions, startProcess } from "./process.ts";

/** Spare keeps one process that has started and loaded nothing, while models are loaded: a restart then has only to load. */
export interface Spare {
  /** take gives a process: the one kept, or a new one. */
  take(): EngineProcess;
  /** refill starts another one to keep, now that whoever took the last has loaded its model. */
  refill(): void;
  /** hold tells that one model more is loaded; disposing it that it is no more. With the last the process that is kept ends, which is waited for. */
  hold(): AsyncDisposable;
}

/** newSpare makes the one of an engine. Without `keeps` every process is started when it is needed. */
export function newSpare(options: ProcessOptions, keeps: boolean): Spare {
  let held = 0;
  let kept: EngineProcess | undefined;
  return {
    take() {
      const process = kept;
      kept = undefined;
      return process === undefined || process.isOver ? startProcess(options) : process;
    },
    refill() {
      if (!keeps || held === 0 || (kept !== undefined && !kept.isOver)) return;
      try {
        kept = startProcess(options);
      } catch {
        kept = undefined; // no room for it: who needs one tries again, and says so
      }
    },
    hold() {
      held++;
      return {
        async [Symbol.asyncDispose]() {
          if (--held > 0 || kept === undefined) return;
          const process = kept;
          kept = undefined;
          process.end("is not needed");
          await process.ended();
        },
      };
    },
  };
}

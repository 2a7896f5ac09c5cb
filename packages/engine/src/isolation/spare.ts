import { newWriter } from "./bytes.ts";
import { kind } from "./frame.ts";
import { type EngineProcess, type ProcessOptions, startProcess } from "./process.ts";

/** Spare keeps one process that has started, rehearsed and loaded nothing, while models are loaded: a restart then has only to load. */
export interface Spare {
  /** take gives a process: the one kept, or a new one. */
  take(): EngineProcess;
  /** refill starts another one to keep, now that whoever took the last has loaded its model again. */
  refill(): void;
  /** hold tells that one model more is loaded, for whose sake one will be kept; disposing it that it is no more. With the last the process that is kept ends, which is waited for. */
  hold(): AsyncDisposable;
}

/** newSpare makes the one of an engine. The first is started `firstMs` after a model's first load; with Infinity there is none, and every process is started when it is needed. */
export function newSpare(options: ProcessOptions, firstMs: number): Spare {
  let held = 0;
  let kept: EngineProcess | undefined;

  function keep(): void {
    if (held === 0 || firstMs === Number.POSITIVE_INFINITY || (kept !== undefined && !kept.isOver)) return;
    try {
      const process = startProcess(options);
      kept = process;
      void rehearse(process);
    } catch {
      kept = undefined; // no room for it: who needs one tries again, and says so
    }
  }

  /** rehearse has a process do before it is needed what a first load takes besides the model. One that ends of it is no longer kept. */
  async function rehearse(process: EngineProcess): Promise<void> {
    try {
      await process.ready();
      if (kept !== process) return;
      await process.ask(
        "other",
        (call) => newWriter(kind.rehearse, call),
        () => {},
      ).answer;
      if (kept === process) options.logger.info("engine process kept ready", { pid: process.pid, engine: options.name });
    } catch {
      // it has ended
    }
  }

  return {
    take() {
      const process = kept;
      kept = undefined;
      return process === undefined || process.isOver ? startProcess(options) : process;
    },
    refill: keep,
    hold() {
      held++;
      const timer = options.clock.after(firstMs, keep, { background: true });
      return {
        async [Symbol.asyncDispose]() {
          timer.cancel();
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

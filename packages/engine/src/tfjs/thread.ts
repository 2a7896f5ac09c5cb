import { Worker } from "node:worker_threads";
import { type Clock, Code, type Failure, messageOf, newError } from "@tfs/std";
import type { Answer, Asked, Request, Started } from "./messages.ts";
import type { Packed } from "./packing.ts";

/** Life is one worker thread, from its start to its end. */
export interface Life {
  /** tensorflow is the version of the library. */
  readonly tensorflow: string;
  readonly gpu: boolean;
  readonly ended: boolean;
  /** call asks for something, and hands `transfer` over. Throws what the thread throws, and Unavailable if it ends before it answers. */
  call(request: Request, transfer?: readonly ArrayBuffer[]): Promise<Done>;
}

/** Done is what an answer holds: the number of a loaded model, the tensors of a run and the milliseconds that it took. */
export interface Done {
  readonly model?: number;
  readonly tensors?: readonly Packed[];
  readonly ms?: number;
}

export interface ThreadOptions {
  /** url is the main file of the package, for the thread to import. */
  readonly url: string;
  readonly clock: Clock;
  /** file is what the thread runs; default this package's worker. */
  readonly file?: URL;
  /** maxDeaths is how often it may die within a minute, or not begin, before it is started no more until that is past; default 5. */
  readonly maxDeaths?: number;
}

const minuteMs = 60_000;

/** Where the worker's compiled file is, also for a program that is bundled into one: beside this package's manifest, which is no part of a bundle. */
function workerFile(): URL {
  return new URL("./dist/tfjs/worker.js", import.meta.resolve("@tfs/engine/package.json"));
}

/** Thread is the worker thread of an engine: there while somebody uses it, and started anew by whoever comes after it has died. */
class Thread {
  readonly #options: Required<ThreadOptions>;
  readonly #deaths: number[] = [];
  #life: Promise<StartedLife> | undefined;
  #ending: Promise<void> = Promise.resolve();
  #users = 0;

  constructor(options: ThreadOptions) {
    this.#options = { maxDeaths: 5, file: workerFile(), ...options };
  }

  /** join says that a model is to be there. Each join wants one leave. */
  join(): void {
    this.#users++;
  }

  /** leave ends the thread when no model is left. */
  async leave(): Promise<void> {
    this.#users--;
    const life = this.#life;
    if (this.#users > 0 || life === undefined) return;
    this.#life = undefined;
    this.#ending = life.then(
      (begun) => begun.end(),
      () => {}, // it has not begun
    );
    await this.#ending;
  }

  /** life gives the thread that runs, or starts one. Throws Unavailable if it does not start, or died too often of late. */
  async life(): Promise<Life> {
    const before = this.#life;
    const last = await before?.catch(() => undefined);
    if (last !== undefined && !last.ended) return last;
    if (this.#life === undefined || this.#life === before) {
      if (before !== undefined && this.#life === before) this.#died(); // one that `leave` ends is no longer there
      this.#checkDeaths();
      this.#life = this.#start();
    }
    return await this.#life; // somebody else may have started it meanwhile
  }

  #died(): void {
    this.#life = undefined;
    this.#deaths.push(this.#options.clock.now());
  }

  #checkDeaths(): void {
    const { clock, maxDeaths } = this.#options;
    while (this.#deaths.length > 0 && this.#deaths[0]! <= clock.now() - minuteMs) this.#deaths.shift();
    if (this.#deaths.length >= maxDeaths) throw newError(Code.Unavailable, `the tfjs engine's thread has died ${maxDeaths} times within a minute`);
  }

  async #start(): Promise<StartedLife> {
    await this.#ending;
    const { file, url } = this.#options;
    return await startLife(file, url);
  }
}
export type { Thread };

/** newThread starts nothing yet. */
export function newThread(options: ThreadOptions): Thread {
  return new Thread(options);
}

interface StartedLife extends Life {
  end(): Promise<void>;
}

interface Waiting {
  resolve(done: Done): void;
  reject(err: unknown): void;
}

function startLife(file: URL, url: string): Promise<StartedLife> {
  const worker = new Worker(file, { workerData: { url }, name: "tfjs" });
  const waiting = new Map<number, Waiting>();
  let [next, ended, why] = [1, false, "it ended"];
  let refused: Failure | undefined;

  /** settle takes who waits for an answer. The thread keeps the process alive only while somebody waits. */
  function settle(id: number): Waiting | undefined {
    const found = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    return found;
  }

  function call(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (ended) throw newError(Code.Unavailable, `the tfjs engine's thread has died: ${why}`);
      const asked: Asked = { id: next++, request };
      worker.postMessage(asked, transfer);
      worker.ref();
      waiting.set(asked.id, { resolve, reject });
    });
  }

  return new Promise((resolve, reject) => {
    worker.on("error", (err) => {
      why = messageOf(err);
    });
    worker.once("exit", (code) => {
      ended = true;
      if (why === "it ended" && code !== 0) why = `exit code ${code}`;
      const died = newError(Code.Unavailable, `the tfjs engine's thread has died: ${why}`);
      reject(refused ?? died); // of a start that has gone well nobody hears
      for (const { reject: tell } of waiting.values()) tell(died);
      waiting.clear();
    });
    worker.on("message", (said: Started | Answer) => {
      switch (said.kind) {
        case "ready": {
          worker.unref();
          const { tensorflow, gpu } = said;
          const end = async (): Promise<void> => void (await worker.terminate());
          resolve({
            tensorflow,
            gpu,
            call,
            end,
            get ended() {
              return ended;
            },
          });
          return;
        }
        case "failed":
          refused = newError(Code.Unavailable, said.message);
          worker.terminate().catch(reject);
          return;
        case "answer":
          settle(said.id)?.resolve(said);
          return;
        case "error":
          settle(said.id)?.reject(newError(said.code, said.message));
          return;
      }
    });
  });
}

import { Worker } from "node:worker_threads";
import { type Clock, Code, deadlineExceeded, type Failure, messageOf, newError } from "@tfs/std";
import { type Deaths, newDeaths } from "./deaths.ts";
import type { Asked, Said } from "./messages.ts";

/** Life is one worker thread, from its start to its end. */
export interface Life<Request, Done, Info> {
  /** info is what the thread says of itself. */
  readonly info: Info;
  readonly ended: boolean;
  /** endedOn is what it was at when it ended by itself: of what it had been asked and not answered the first. */
  readonly endedOn: Request | undefined;
  /** call asks for something, and hands `transfer` over. Throws what the thread throws, and Unavailable if it ends before it answers. */
  call(request: Request, transfer?: readonly ArrayBuffer[]): Promise<Done>;
}

export interface ThreadOptions {
  /** file is what the thread runs; it calls serveThread. */
  readonly file: URL;
  /** data is what it finds as its workerData; default nothing. */
  readonly data?: unknown;
  /** name of the engine whose thread it is. */
  readonly name: string;
  readonly clock: Clock;
  /** maxDeaths is how often it may die within a minute, or not begin, before it is started no more until that is past; default 5. Infinity leaves that to who asks it. */
  readonly maxDeaths?: number;
}

/** Room for what a thread makes and lets go: with that of Node's default a thread takes 70 MB more, and is not quicker. */
const youngMb = 8;

/** compiledFile gives where a file of this package is when it is compiled, by its path in `src`, also for a program that is bundled into one: beside the manifest, which is no part of a bundle. */
export function compiledFile(path: string): URL {
  return new URL(`./dist/${path}`, import.meta.resolve("@tfs/engine/package.json"));
}

/** Thread is the worker thread of an engine: there while somebody uses it, and started anew by whoever comes after it has died. */
class Thread<Request, Done, Info> {
  readonly #options: ThreadOptions;
  readonly #deaths: Deaths;
  #life: Promise<StartedLife<Request, Done, Info>> | undefined;
  #ending: Promise<void> = Promise.resolve();
  #users = 0;

  constructor(options: ThreadOptions) {
    const { clock, name, maxDeaths: max = 5 } = options;
    this.#options = options;
    this.#deaths = newDeaths({ clock, max, message: `the ${name} engine's thread has died ${max} times within a minute` });
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
  async life(): Promise<Life<Request, Done, Info>> {
    const before = this.#life;
    const last = await before?.catch(() => undefined);
    if (last !== undefined && !last.ended) return last;
    if (this.#life === undefined || this.#life === before) {
      if (before !== undefined && this.#life === before) this.#died(); // one that `leave` ends is no longer there
      this.#deaths.check();
      this.#life = this.#start();
    }
    return await this.#life; // somebody else may have started it meanwhile
  }

  #died(): void {
    this.#life = undefined;
    this.#deaths.add();
  }

  async #start(): Promise<StartedLife<Request, Done, Info>> {
    await this.#ending;
    return await startLife(this.#options);
  }
}
export type { Thread };

/** newThread starts nothing yet. */
export function newThread<Request, Done, Info>(options: ThreadOptions): Thread<Request, Done, Info> {
  return new Thread(options);
}

interface StartedLife<Request, Done, Info> extends Life<Request, Done, Info> {
  end(): Promise<void>;
}

interface Waiting<Request, Done> {
  readonly request: Request;
  resolve(done: Done): void;
  reject(err: unknown): void;
}

function startLife<Request, Done, Info>({ file, data, name }: ThreadOptions): Promise<StartedLife<Request, Done, Info>> {
  const worker = new Worker(file, { workerData: data, name, resourceLimits: { maxYoungGenerationSizeMb: youngMb } });
  const waiting = new Map<number, Waiting<Request, Done>>();
  let [next, ended, why] = [1, false, "it ended"];
  let refused: Failure | undefined;
  let endedOn: Request | undefined;

  /** settle takes who waits for an answer. The thread keeps the process alive only while somebody waits. */
  function settle(id: number): Waiting<Request, Done> | undefined {
    const found = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    return found;
  }

  function call(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (ended) throw newError(Code.Unavailable, `the ${name} engine's thread has died: ${why}`);
      const asked: Asked<Request> = { id: next++, request };
      worker.postMessage(asked, transfer);
      worker.ref();
      waiting.set(asked.id, { request, resolve, reject });
    });
  }

  return new Promise((resolve, reject) => {
    worker.on("error", (err) => {
      why = messageOf(err);
    });
    worker.once("exit", (code) => {
      ended = true;
      if (why === "it ended" && code !== 0) why = `exit code ${code}`;
      const died = newError(Code.Unavailable, `the ${name} engine's thread has died: ${why}`);
      endedOn = waiting.values().next().value?.request;
      reject(refused ?? died); // of a start that has gone well nobody hears
      for (const { reject: tell } of waiting.values()) tell(died);
      waiting.clear();
    });
    worker.on("message", (said: Said<Done, Info>) => {
      switch (said.kind) {
        case "ready": {
          worker.unref();
          const end = async (): Promise<void> => void (await worker.terminate());
          resolve({
            info: said.info,
            call,
            end,
            get ended() {
              return ended;
            },
            get endedOn() {
              return endedOn;
            },
          });
          return;
        }
        case "failed":
          refused = newError(Code.Unavailable, said.message);
          worker.terminate().catch(reject);
          return;
        case "answer":
          settle(said.id)?.resolve(said.done);
          return;
        case "error": {
          const { code, message, details } = said.failure;
          settle(said.id)?.reject(
            message === deadlineExceeded.message && code === deadlineExceeded.code ? deadlineExceeded : newError(code, message, undefined, details),
          );
          return;
        }
      }
    });
  });
}

// Data plane. The engine's process: what it is asked, and what it answers.
import { Worker } from "node:worker_threads";
import { background, Code, type Ctx, newError, withCancel } from "@tfs/std";
import type { Engine, LoadedModel } from "../engine.ts";
import { newReader, newWriter, type Reader, type Writer } from "./bytes.ts";
import { descriptors, kind, version } from "./frame.ts";
import { failedFrame, loadedFrame, probedFrame, ranFrame, readLoad, readRun, stageFrame } from "./messages.ts";
import { openPipe, type Pipe } from "./pipe.ts";
import { rehearse } from "./rehearsal.ts";

/**
 * Run is the context of one. Who asked lets go by itself when its time is up; here a run ends when it has really ended, so that one that hangs is seen. What waits
 * for its turn in an engine finds the deadline passed and does not begin. Cancelled means that it has passed.
 */
class Run implements Ctx {
  readonly signal = background().signal; // which never aborts
  deadline: number;

  constructor(leftMs: number) {
    this.deadline = performance.now() + leftMs;
  }

  value(): undefined {
    return undefined;
  }
}

class Served {
  readonly #engine: Engine;
  readonly #pipe: Pipe;
  readonly #runs = new Map<number, Run>();
  readonly #answers = new Set<Promise<void>>();
  readonly over: Promise<void>;
  #onOver = (): void => {};
  #model: LoadedModel | undefined;
  #loading = false;
  /** rehearsal ends with the load that it is for. */
  readonly #rehearsal = withCancel(background());

  constructor(engine: Engine) {
    this.#engine = engine;
    let onFault = (_: unknown): void => {};
    this.over = new Promise((resolve, reject) => {
      this.#onOver = resolve;
      onFault = reject;
    });
    this.#pipe = openPipe(descriptors.frames, { onBody: (body) => this.#take(newReader(body)), onFault, onEnd: this.#onOver });
    const w = newWriter(kind.ready, 0);
    w.u32(version);
    this.#send(w);
  }

  #take(r: Reader): void {
    switch (r.kind) {
      case kind.run:
        this.#run(r.call, readRun(r));
        break;
      case kind.ping:
        this.#send(newWriter(kind.done, r.call));
        break;
      case kind.cancel: {
        const run = this.#runs.get(r.call);
        if (run !== undefined) run.deadline = 0;
        break;
      }
      case kind.probe:
        void this.#answer(r.call, async () => probedFrame(r.call, await this.#engine.probe(background())));
        break;
      case kind.load: {
        const request = readLoad(r);
        void this.#answer(r.call, () => this.#load(r.call, request));
        break;
      }
      case kind.rehearse:
        void this.#answer(r.call, async () => {
          await rehearse(this.#rehearsal, this.#engine);
          return newWriter(kind.done, r.call);
        });
        break;
      case kind.close:
        void this.#close(r.call);
        break;
      default:
        throw newError(Code.DataLoss, `a frame of kind ${r.kind}`);
    }
  }

  #run(call: number, { leftMs, feeds, fetches }: ReturnType<typeof readRun>): void {
    const run = new Run(leftMs);
    this.#runs.set(call, run);
    const answer = this.#answer(call, async () => {
      if (this.#model === undefined) throw newError(Code.FailedPrecondition, "no model has been loaded");
      let ms = 0;
      const tensors = await this.#model.run(run, feeds, fetches, (part) => void (ms += part));
      return ranFrame(call, tensors, ms);
    }).then(() => {
      this.#runs.delete(call);
      this.#answers.delete(answer);
    });
    this.#answers.add(answer);
  }

  async #load(call: number, { dir, tags }: ReturnType<typeof readLoad>): Promise<Writer> {
    if (this.#loading) throw newError(Code.FailedPrecondition, "a process loads one model");
    this.#loading = true;
    this.#rehearsal.cancel();
    const onStage = (stage: "restore" | "init", ms: number): void => this.#send(stageFrame(call, stage, ms));
    const model = await this.#engine.load(background(), dir, { ...(tags && { tags }), onStage });
    this.#model = model;
    return loadedFrame(call, { metaGraph: model.metaGraph, bytes: model.estimateBytes(), chosen: model.chosen });
  }

  /** #close lets runs end before the model does. */
  async #close(call: number): Promise<void> {
    await this.#answer(call, async () => {
      await Promise.all(this.#answers);
      await this.#model?.close();
      return newWriter(kind.done, call);
    });
    await this.#pipe.flushed();
    this.#onOver();
  }

  async #answer(call: number, answer: () => Promise<Writer>): Promise<void> {
    let frame: readonly Uint8Array[];
    try {
      frame = (await answer()).done();
    } catch (err) {
      frame = failedFrame(call, err).done();
    }
    this.#pipe.send(frame);
  }

  #send(w: Writer): void {
    this.#pipe.send(w.done());
  }
}

/**
 * serveEngine makes this process one in which an engine serves one model to who started it (see newIsolatedEngine). It returns when that one is gone, or has closed the
 * model: then this process is to end. Throws DataLoss for what no newIsolatedEngine sends.
 */
export async function serveEngine(engine: Engine): Promise<void> {
  // A terminal, and whoever stops a service, signal all of its processes. Calls in flight get their answers yet: who started this one says when it ends.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  guardLife();
  await new Served(engine).over;
}

/** guardLife ends this process when who started it is gone, though a library keeps the event loop: on a thread that waits for a socket to close and does nothing else. */
function guardLife(): void {
  const code = `
    const socket = new (require("node:net").Socket)({ fd: ${descriptors.life} });
    socket.on("error", () => {}).on("close", () => process.kill(process.pid, "SIGKILL")).resume();
  `;
  new Worker(code, { eval: true, env: {}, execArgv: [], stdin: false, resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 } }).unref();
}

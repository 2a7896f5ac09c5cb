import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { type Clock, Code, type Failure, type Logger, messageOf, newError, type Timer } from "@tfs/std";
import { newReader, newWriter, type Reader, type Writer } from "./bytes.ts";
import { kind, version } from "./frame.ts";
import { followLines } from "./lines.ts";
import { readFailure } from "./messages.ts";
import { attachPipe, type Pipe } from "./pipe.ts";
import { newWatch, type Patience, type Watch } from "./watch.ts";

export interface ProcessOptions {
  /** command is what to run, with its arguments: a program that calls serveEngine. */
  readonly command: readonly string[];
  /** name of the engine, for texts. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly patience: Patience;
  /** maxCalls and maxBytes bound what is under way: calls, and bytes of their frames. A call may be larger if it is the only one. */
  readonly maxCalls: number;
  readonly maxBytes: number;
}

/** Call is one that has been sent. */
export interface Call<T> {
  /** answer settles when the process has answered or ended, whatever the deadline. */
  readonly answer: Promise<T>;
  /** cancel tells the process that nobody waits any more. */
  cancel(): void;
}

/** Asked is a call under way. */
interface Asked {
  readonly is: "run" | "ping" | "other";
  readonly bytes: number;
  readonly sinceMs: number;
  /** deadline is on the clock; that of a cancelled call is when it was cancelled. */
  deadline: number;
  onDone(r: Reader): void;
  onStage(r: Reader): void;
  onFailed(err: Failure): void;
}

/** A process that has said its last is given so long to go by itself. */
const leaveMs = 5_000;
/** What a process wrote before it ended is read for so long at most after it. */
const lastMs = 1_000;

/** EngineProcess is one process that runs an engine. When it ends, every call under way fails. */
class EngineProcess {
  readonly #options: ProcessOptions;
  readonly #child: ChildProcess;
  readonly #pipe: Pipe;
  readonly #watch: Watch;
  readonly #calls = new Map<number, Asked>();
  readonly #ready: Promise<void>;
  readonly #ended: Promise<Failure>;
  #onReady = (): void => {};
  #onEnded = (_: Failure): void => {};
  #last = 0;
  #bytes = 0;
  #beat: Timer | undefined;
  #late: Timer | undefined;
  #isReady = false;
  /** how it ended, or is about to. */
  #how: string | undefined;
  #failure: Failure | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    const { command, clock, patience } = options;
    this.#watch = newWatch(patience);
    const [program = "", ...args] = command;
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"], windowsHide: true });
    this.#child.once("error", (err) => {
      this.#how ??= `could not be started: ${messageOf(err)}`;
      if (this.#child.pid === undefined) void this.#gone(Promise.resolve());
    });
    this.#ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
    this.#ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      void this.#ended.then(reject);
    });
    this.#ready.catch(() => {}); // who starts a process may not come to wait for it
    // Where there are no descriptors left, Node gives no pipes, and says so later.
    const [, , , socket, life] = (this.#child.stdio ?? []) as readonly (Socket | undefined)[];
    if (socket === undefined || life === undefined) {
      throw newError(Code.Unavailable, `the process of the ${options.name} engine could not be started: the server has no descriptors left`);
    }
    life.on("error", () => {}); // held open for as long as this process lives
    this.#pipe = attachPipe(socket, {
      onBody: (body) => this.#take(body),
      onFault: (err) => this.end(`sent what cannot be read: ${messageOf(err)}`),
      // One that nobody can speak with goes by itself, or does not: how it ended is what its exit says.
      onEnd: () => void (this.#late ??= clock.after(lastMs, () => this.#child.kill("SIGKILL"))),
    });
    const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
    this.#child.once("exit", (code, signal) => {
      this.#how ??= signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
      void this.#gone(closed);
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      followLines(stream, clock, (line) => options.logger.info("engine process wrote", { pid: this.#child.pid, line }));
    }
    this.#again();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** isOver tells that it has ended, or is about to. */
  get isOver(): boolean {
    return this.#how !== undefined;
  }

  /** ready resolves when it takes calls; it rejects with how the process ended. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** ended gives the failure that calls end with when the process has ended. It names how. */
  ended(): Promise<Failure> {
    return this.#ended;
  }

  /** ask sends a call, whose answer is what `read` makes of it. Throws ResourceExhausted if too much is under way, and what the process ended with. */
  ask<T>(
    is: "run" | "other",
    make: (call: number) => Writer,
    read: (r: Reader) => T,
    more: { readonly deadline?: number; readonly onStage?: (r: Reader) => void } = {},
  ): Call<T> {
    if (this.#failure !== undefined) throw this.#failure;
    const { maxCalls, maxBytes, clock } = this.#options;
    if (is === "run" && this.#calls.size >= maxCalls)
      throw newError(Code.ResourceExhausted, `${this.#calls.size} calls are under way in the engine's process already`);
    const call = this.#next();
    const frame = make(call).done();
    const bytes = frame.reduce((sum, piece) => sum + piece.length, 0);
    if (is === "run" && this.#bytes > 0 && this.#bytes + bytes > maxBytes) {
      throw newError(Code.ResourceExhausted, `calls of ${this.#bytes} bytes are under way in the engine's process, ${bytes} more would be too many`);
    }
    const { deadline = Number.POSITIVE_INFINITY, onStage = () => {} } = more;
    const answer = new Promise<T>((resolve, reject) => {
      this.#calls.set(call, { is, bytes, sinceMs: clock.now(), deadline, onStage, onDone: (r) => resolve(read(r)), onFailed: reject });
    });
    this.#bytes += bytes;
    this.#pipe.send(frame);
    return { answer, cancel: () => this.#cancel(call) };
  }

  /** end kills it; `how` says why, after the engine's name. */
  end(how: string): void {
    this.#how ??= how;
    this.#pipe.destroy();
    this.#child.kill("SIGKILL");
  }

  /** leave waits for a process to end that has been told to, and ends it if that takes long. */
  async leave(): Promise<void> {
    using _ = this.#options.clock.after(leaveMs, () => this.end("did not end when it was told to"));
    await this.#ended;
  }

  #cancel(call: number): void {
    const asked = this.#calls.get(call);
    if (asked === undefined) return;
    asked.deadline = Math.min(asked.deadline, this.#options.clock.now());
    this.#pipe.send(newWriter(kind.cancel, call).done());
  }

  #next(): number {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#calls.has(this.#last));
    return this.#last;
  }

  /** #take reads one frame. What it throws ends the process. */
  #take(body: Buffer): void {
    this.#watch.heard();
    const r = newReader(body);
    if (r.kind === kind.ready && !this.#isReady) {
      const theirs = r.u32();
      if (theirs !== version) throw newError(Code.DataLoss, `frames of version ${theirs}, not ${version}: it is of another release`);
      this.#isReady = true;
      this.#onReady();
      return;
    }
    const asked = this.#calls.get(r.call);
    if (asked === undefined) throw newError(Code.DataLoss, `an answer to the call ${r.call}, which is not under way`);
    if (r.kind === kind.stage) {
      asked.onStage(r);
      return;
    }
    if (r.kind === kind.done) asked.onDone(r);
    else if (r.kind === kind.failed) asked.onFailed(readFailure(r));
    else throw newError(Code.DataLoss, `a frame of kind ${r.kind}`);
    this.#calls.delete(r.call);
    this.#bytes -= asked.bytes;
    if (asked.is === "run") this.#watch.ended(this.#options.clock.now() - asked.sinceMs);
  }

  #again(): void {
    const { clock, patience } = this.#options;
    this.#beat = clock.after(patience.beatMs, () => this.#look(), { background: true });
  }

  #look(): void {
    const now = this.#options.clock.now();
    let [busy, overdue, pinged] = [!this.#isReady, false, false];
    for (const asked of this.#calls.values()) {
      if (asked.is === "ping") pinged = true;
      else busy = true;
      if (asked.is === "run" && asked.deadline < now) overdue = true;
    }
    const why = this.#watch.beat({ busy, overdue });
    if (why !== undefined) {
      this.end(`was ended because ${why}`);
      return;
    }
    if (!pinged && this.#isReady) this.#ping();
    this.#again();
  }

  #ping(): void {
    const call = this.#next();
    const nothing = (): void => {};
    const sinceMs = this.#options.clock.now();
    this.#calls.set(call, { is: "ping", bytes: 0, sinceMs, deadline: Number.POSITIVE_INFINITY, onDone: nothing, onStage: nothing, onFailed: nothing });
    this.#pipe.send(newWriter(kind.ping, call).done());
  }

  async #gone(closed: Promise<void>): Promise<void> {
    this.#beat?.cancel();
    this.#late?.cancel();
    // What it had answered before it ended may be in the pipe yet.
    let timer: Timer | undefined;
    await Promise.race([closed, new Promise<void>((resolve) => (timer = this.#options.clock.after(lastMs, resolve)))]);
    timer?.cancel();
    for (const stream of this.#child.stdio ?? []) stream?.destroy(); // without descriptors left there are none
    const failure = newError(Code.Unavailable, `the process of the ${this.#options.name} engine ${this.#how}`);
    this.#failure = failure;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const asked of calls) asked.onFailed(failure);
    this.#onEnded(failure);
  }
}
export type { EngineProcess };

/** startProcess starts one. Throws Unavailable if there is no room for another. */
export function startProcess(options: ProcessOptions): EngineProcess {
  return new EngineProcess(options);
}

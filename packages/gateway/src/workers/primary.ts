import { type ChildProcess, fork, type Serializable } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { type Address, type BindAddress, bind } from "@tfs/rpc";
import { type Clock, Code, type Ctx, done, type Logger, newError, sleep, withCancel } from "@tfs/std";
import type { ToPrimary, ToWorker } from "./messages.ts";
import { newReports, type Report } from "./reports.ts";
import { workerVariable } from "./worker.ts";

export interface PrimaryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** count is how many processes serve. */
  readonly count: number;
  /** addresses are where to listen: workers hear of each connection by which of them it came. */
  readonly addresses: readonly BindAddress[];
  /** program and args start a worker: this command again. */
  readonly program: string;
  readonly args: readonly string[];
  /** env is the environment that workers get, and with it the word that they are workers. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** drainMs is how long a worker takes to drain at the most; one that takes much longer is killed. */
  readonly drainMs: number;
  /** onListening is called once, when all workers take connections; `report` asks them, from then on, how they are doing. */
  readonly onListening: (addresses: readonly Address[], report: () => Promise<Report>) => void;
  /** onHangup is given a function for when certificates may have changed: workers look. */
  readonly onHangup: (look: () => void) => void;
}

/** A worker that ends is started again after this long, doubling while workers keep ending, up to the longest wait. */
const restartMs = 100;
const maxRestartMs = 10_000;
/** A worker has this much longer than drainMs to end. */
const graceMs = 5000;
/** Connections that wait while no worker takes any; past it they are refused. */
const maxUndealt = 1024;
const tcpKeepAliveMs = 60_000;
/** Workers have so long to report; one that takes longer counts as it last did. */
const reportMs = 1000;

/**
 * runWorkers listens, and keeps `count` processes serving until ctx ends; then it stops listening, waits until every connection that it accepted is in some worker's
 * hands, lets the workers drain, and waits for them. A worker that dies is replaced, and what was on its way to it goes to another; one that dies before all were
 * once ready fails the start (Unavailable). Throws as bind does if it cannot listen.
 */
export async function runWorkers(ctx: Ctx, options: PrimaryOptions): Promise<void> {
  using stopping = withCancel(ctx);
  const primary = new Primary(stopping, options);
  options.onHangup(() => primary.look());
  await primary.listen(ctx);
  for (let i = 0; i < options.count; i++) primary.start();
  await done(stopping);
  await primary.drain();
  if (primary.failure !== undefined) throw primary.failure;
}

/** Accepted is a connection, and by which address it came. */
interface Accepted {
  readonly socket: Socket;
  readonly at: number;
}

/** Worker is one process, and the connections that it was sent and has not taken. */
interface Worker {
  readonly process: ChildProcess;
  readonly sent: Map<number, Accepted>;
  ready: boolean;
  readonly ended: Promise<void>;
}

class Primary {
  readonly #options: PrimaryOptions;
  readonly #stopping: Ctx & { cancel(): void };
  readonly #servers: readonly Server[];
  #bound: readonly Address[] = [];
  readonly #workers = new Set<Worker>();
  /** Those that are ready; the first gets the next connection and goes to the end. */
  #line: Worker[] = [];
  #undealt: Accepted[] = [];
  #nextId = 0;
  #started = false;
  #failures = 0;
  #settled: (() => void) | undefined = undefined;
  readonly #reports = newReports();
  /** The question that workers are answering, and those who have not. */
  #round = 0;
  readonly #unheard = new Set<Worker>();
  #asking: Promise<Report> | undefined = undefined;
  #answered: (() => void) | undefined = undefined;
  failure: unknown;

  constructor(stopping: Ctx & { cancel(): void }, options: PrimaryOptions) {
    this.#options = options;
    this.#stopping = stopping;
    const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs };
    this.#servers = options.addresses.map((_, at) => createServer({ ...tcp, pauseOnConnect: true }, (socket) => this.#deal({ socket, at })));
  }

  async listen(ctx: Ctx): Promise<void> {
    const { addresses, logger } = this.#options;
    const bound: Address[] = [];
    try {
      for (const [at, server] of this.#servers.entries()) {
        bound.push(await bind(ctx, server, addresses[at]!));
        server.on("error", (err) => logger.error("accept failed", { err }));
      }
    } catch (err) {
      for (const server of this.#servers) server.close();
      throw err;
    }
    this.#bound = bound;
  }

  /** start runs one more worker. */
  start(): void {
    const { program, args, env } = this.#options;
    const child = fork(program, args, { env: { ...env, [workerVariable]: "1" } });
    const worker: Worker = {
      process: child,
      sent: new Map(),
      ready: false,
      ended: new Promise((resolve) => {
        child.on("exit", (code, signal) => {
          this.#onExit(worker, code, signal);
          resolve();
        });
      }),
    };
    child.on("error", (err) => this.#options.logger.error("worker failed", { pid: child.pid, err }));
    child.on("message", (message: ToPrimary) => this.#onMessage(worker, message));
    this.#workers.add(worker);
  }

  /** look has every worker look whether certificates have changed. */
  look(): void {
    for (const worker of this.#workers) tell(worker, { kind: "look" });
  }

  /** drain stops listening, and ends the workers when nothing is on its way to them any more. */
  async drain(): Promise<void> {
    const { clock, logger, drainMs } = this.#options;
    for (const server of this.#servers) server.close();
    for (const { socket } of this.#undealt.splice(0)) socket.destroy();
    if (this.#onTheWay() > 0) {
      using _ = clock.after(graceMs, () => this.#settled?.()); // a worker that does not answer
      await new Promise<void>((resolve) => (this.#settled = resolve));
    }
    for (const worker of this.#workers) tell(worker, { kind: "drain" });
    using _ = clock.after(drainMs + graceMs, () => {
      for (const worker of this.#workers) {
        logger.error("worker killed: it does not end", { pid: worker.process.pid });
        worker.process.kill("SIGKILL");
      }
    });
    await Promise.all([...this.#workers].map((worker) => worker.ended));
  }

  /** report asks every worker and adds up what they say. Who asks meanwhile shares the answer. */
  report(): Promise<Report> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<Report> {
    const round = ++this.#round;
    for (const worker of this.#line) {
      this.#unheard.add(worker);
      tell(worker, { kind: "report", round });
    }
    if (this.#unheard.size > 0) {
      using _ = this.#options.clock.after(reportMs, () => this.#answered?.());
      await new Promise<void>((resolve) => (this.#answered = resolve));
    }
    this.#unheard.clear();
    return this.#reports.sum();
  }

  #onMessage(worker: Worker, message: ToPrimary): void {
    if (message.kind === "report") {
      this.#reports.heard(worker, message.report);
      if (message.round === this.#round) this.#heardFrom(worker);
      return;
    }
    if (message.kind === "taken") {
      worker.sent.get(message.id)?.socket.destroy(); // ours; the worker has its own
      worker.sent.delete(message.id);
      if (this.#onTheWay() === 0) this.#settled?.();
      return;
    }
    worker.ready = true;
    this.#failures = 0;
    this.#line.push(worker);
    this.#options.logger.info("worker ready", { pid: worker.process.pid });
    for (const accepted of this.#undealt.splice(0)) this.#deal(accepted);
    if (this.#started || this.#line.length < this.#options.count) return;
    this.#started = true;
    this.#options.onListening(this.#bound, () => this.report());
  }

  /** #heardFrom takes a worker off those that are asked. */
  #heardFrom(worker: Worker): void {
    this.#unheard.delete(worker);
    if (this.#unheard.size === 0) this.#answered?.();
  }

  #onExit(worker: Worker, code: number | null, signal: string | null): void {
    const { clock, logger } = this.#options;
    this.#workers.delete(worker);
    this.#reports.ended(worker);
    this.#heardFrom(worker);
    this.#line = this.#line.filter((other) => other !== worker);
    const lost = [...worker.sent.values()];
    worker.sent.clear();
    for (const accepted of lost) this.#deal(accepted);
    if (this.#onTheWay() === 0) this.#settled?.();
    if (this.#stopping.signal.aborted) return;
    if (!this.#started) {
      this.failure = newError(Code.Unavailable, `worker ended before it was ready (${signal ?? `exit ${code}`})`);
      this.#stopping.cancel();
      return;
    }
    const ms = Math.min(maxRestartMs, restartMs * 2 ** this.#failures++);
    logger.error("worker ended", { pid: worker.process.pid, code, signal, restartMs: ms });
    sleep(clock, ms, this.#stopping.signal).then(
      () => this.start(),
      () => {}, // stopped meanwhile: no new worker
    );
  }

  /** #deal sends a connection to the worker whose turn it is. */
  #deal(accepted: Accepted): void {
    const worker = this.#line.shift();
    if (worker === undefined) {
      if (this.#stopping.signal.aborted || this.#undealt.length >= maxUndealt) accepted.socket.destroy();
      else this.#undealt.push(accepted);
      return;
    }
    this.#line.push(worker);
    const id = this.#nextId++;
    worker.sent.set(id, accepted);
    tell(worker, { kind: "connection", id, at: accepted.at }, accepted.socket);
  }

  /** #onTheWay counts connections that were sent and are not taken. */
  #onTheWay(): number {
    let count = 0;
    for (const worker of this.#workers) count += worker.sent.size;
    return count;
  }
}

/** tell sends a message, and a connection with it, which stays open here as well. What a dying worker does not get, its exit brings back. */
function tell(worker: Worker, message: ToWorker, socket?: Socket): void {
  if (worker.process.connected) worker.process.send(message as Serializable, socket, { keepOpen: true }, () => {});
}

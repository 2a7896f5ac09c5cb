import cluster, { type Worker } from "node:cluster";
import { type Clock, Code, type Ctx, type Logger, newError, sleep, withCancel } from "@tfs/std";

export interface WorkersOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** onListening is called once, when all workers listen; the address is what they said. */
  readonly onListening: (address: string) => void;
}

/** A worker that ends is started again after this long, doubling while workers keep ending, up to the longest wait. */
const restartMs = 100;
const maxRestartMs = 10_000;

/** Said is what a worker tells the primary when it listens. */
interface Said {
  readonly listening: string;
}

/** sayListening tells the primary that this worker listens. */
export function sayListening(address: string): void {
  const said: Said = { listening: address };
  process.send?.(said);
}

/**
 * runWorkers keeps `count` processes of this program running until ctx ends, then lets each drain and waits for them. New connections go to the workers in
 * turn, so that few long-lived ones spread evenly. A worker that dies is replaced; one that dies before all have once listened fails the start (Unavailable).
 */
export async function runWorkers(ctx: Ctx, count: number, options: WorkersOptions): Promise<void> {
  const { clock, logger } = options;
  using stopping = withCancel(ctx);
  const running = new Map<Worker, Promise<void>>();
  const listening = new Set<Worker>();
  let started = false;
  let failures = 0;
  let failed: unknown;

  function start(): void {
    const worker = cluster.fork();
    worker.on("message", (said: Said) => {
      listening.add(worker);
      failures = 0;
      if (started || listening.size < count) return;
      started = true;
      options.onListening(said.listening);
    });
    const ended = new Promise<void>((resolve) => {
      worker.on("exit", (code, signal) => {
        running.delete(worker);
        listening.delete(worker);
        if (!stopping.signal.aborted) onDeath(worker, code, signal);
        resolve();
      });
    });
    running.set(worker, ended);
  }

  function onDeath(worker: Worker, code: number, signal: string | null): void {
    if (!started) {
      failed = newError(Code.Unavailable, `worker ended before it listened (${signal ?? `exit ${code}`})`);
      stopping.cancel();
      return;
    }
    const ms = Math.min(maxRestartMs, restartMs * 2 ** failures++);
    logger.error("worker ended", { pid: worker.process.pid, code, signal, restartMs: ms });
    sleep(clock, ms, stopping.signal).then(start, () => {}); // stopped meanwhile: no new worker
  }

  cluster.schedulingPolicy = cluster.SCHED_RR;
  for (let i = 0; i < count; i++) start();
  await new Promise<void>((resolve) => {
    if (stopping.signal.aborted) resolve();
    else stopping.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  for (const worker of running.keys()) worker.process.kill("SIGTERM");
  await Promise.all(running.values());
  if (failed !== undefined) throw failed;
}

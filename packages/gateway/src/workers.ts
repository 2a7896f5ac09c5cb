import cluster, { type Worker } from "node:cluster";
import { type Clock, type Logger, sleep } from "@tfs/std";

/** A worker that ends is started again after this long, doubling while workers keep ending, up to the longest wait. */
const restartMs = 100;
const maxRestartMs = 10_000;

/** runWorkers keeps `count` processes running until `stopped` settles, then asks each to drain and waits for them. */
export async function runWorkers(count: number, stopped: Promise<unknown>, options: { readonly clock: Clock; readonly logger: Logger }): Promise<void> {
  const { clock, logger } = options;
  const workers = new Set<Worker>();
  let stopping = false;
  let failures = 0;

  function start(): void {
    const worker = cluster.fork();
    workers.add(worker);
    worker.once("listening", () => {
      failures = 0;
    });
    worker.once("exit", (code, signal) => {
      workers.delete(worker);
      if (stopping) return;
      const ms = Math.min(maxRestartMs, restartMs * 2 ** failures++);
      logger.error("worker ended", { pid: worker.process.pid, code, signal, restartMs: ms });
      void sleep(clock, ms).then(() => {
        if (!stopping) start();
      });
    });
  }

  for (let i = 0; i < count; i++) start();
  await stopped;
  stopping = true;
  await Promise.all(
    [...workers].map(
      (worker) =>
        new Promise<void>((resolve) => {
          worker.once("exit", () => resolve());
          worker.process.kill("SIGTERM");
        }),
    ),
  );
}

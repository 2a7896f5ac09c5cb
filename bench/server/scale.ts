// Many models: how long the start takes, and what the server takes when nobody asks it anything.
import { setTimeout as sleep } from "node:timers/promises";
import { processTree, ranNs, resident } from "../gateway/cpu.ts";
import { serve } from "./serve.ts";

export interface Scale {
  readonly models: number;
  readonly readyMs: number;
  /** idleShare is the share of a core that it takes while nothing happens, looking at its base paths once a second. */
  readonly idleShare: number;
  readonly residentBytes: number;
}

/** By then the collector has been round once more, as it does when a process comes to rest. */
const settleMs = 15_000;
const idleMs = 10_000;

/** scale starts a server with so many models, and watches it doing nothing. */
export async function scale(dir: string, models: number): Promise<Scale> {
  const names = Array.from({ length: models }, (_, i) => `m${i}`);
  const { running, readyMs } = await serve(dir, names);
  try {
    await sleep(settleMs);
    const pids = processTree(running.pid);
    const before = ranNs(pids);
    await sleep(idleMs);
    return { models, readyMs, idleShare: (ranNs(pids) - before) / (idleMs * 1e6), residentBytes: resident(pids) };
  } finally {
    await running.stop();
  }
}

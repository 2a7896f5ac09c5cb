// What the figures depend on besides the code.
import { execFileSync } from "node:child_process";
import { cpus, loadavg, release } from "node:os";
import { root } from "./tools.ts";

export interface Environment {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** Load averages over one minute: above the two cores that the benchmark itself fills, others were at work. */
  readonly loadBefore: string;
  readonly loadAfter: string;
}

/** load is the load average of the last minute. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

/** environment describes the machine and the code; it is read when the run is over. */
export function environment(loadBefore: string): Environment {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    cpu: cpus()[0]?.model ?? "unknown processor",
    cores: cpus().length,
    kernel: release(),
    node: process.versions.node,
    loadBefore,
    loadAfter: load(),
  };
}

/** conditions is what a report says of them, with `how` it was measured. */
export function conditions(e: Environment, how: string): string {
  return `${e.date}; commit ${e.commit}; ${e.cpu}, ${e.cores} cores, Linux ${e.kernel}, Node ${e.node}; ${how}; load average ${e.loadBefore} before and ${e.loadAfter} after.`;
}

function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "packages") === "" ? "" : " with changes"}`;
  } catch {
    return "unknown"; // not a checkout
  }
}

// Processor time and memory of a tree of processes, from Linux's /proc. Time is the scheduler's own, in nanoseconds, over all threads.
import { readdirSync, readFileSync } from "node:fs";

/** Usage is what a tree has used up to now. */
export interface Usage {
  /** ranNs is time on a processor; waitedNs is time ready to run while something else had the processor: noise, if the tree has a core of its own. */
  readonly ranNs: number;
  readonly waitedNs: number;
}

/** parseSchedstat reads /proc/PID/task/TID/schedstat: time run, time waited (both ns), and a count of time slices (Linux, Documentation/scheduler/sched-stats). */
export function parseSchedstat(text: string): Usage {
  const [ran, waited] = text.trim().split(" ").map(Number);
  if (ran === undefined || waited === undefined || !Number.isFinite(ran) || !Number.isFinite(waited)) throw new Error(`${text} is no schedstat`);
  return { ranNs: ran, waitedNs: waited };
}

/** parseParent reads the parent from /proc/PID/stat. The second field is the program's name in brackets, which may itself hold brackets and spaces. */
export function parseParent(stat: string): number {
  const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  if (!Number.isInteger(parent)) throw new Error(`${stat} is no stat`);
  return parent;
}

/** parseResident reads resident memory from /proc/PID/status, in bytes; a process without memory of its own has none. */
export function parseResident(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** tree lists a process and all that it has started, by a snapshot of parents. */
export function tree(root: number, parents: ReadonlyMap<number, number>): number[] {
  const found = [root];
  for (let i = 0; i < found.length; i++) {
    for (const [pid, parent] of parents) if (parent === found[i]) found.push(pid);
  }
  return found;
}

/** gone turns the error of a process that ended meanwhile into undefined. */
function present<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw err;
  }
}

/** processTree lists a running process and all that it has started. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = present(() => readFileSync(`/proc/${name}/stat`, "utf8"));
    if (stat !== undefined) parents.set(Number(name), parseParent(stat));
  }
  return tree(root, parents);
}

/** usage adds up all threads of the processes. */
export function usage(pids: readonly number[]): Usage {
  let ranNs = 0;
  let waitedNs = 0;
  for (const pid of pids) {
    for (const thread of present(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
      const text = present(() => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"));
      if (text === undefined) continue;
      const one = parseSchedstat(text);
      ranNs += one.ranNs;
      waitedNs += one.waitedNs;
    }
  }
  return { ranNs, waitedNs };
}

/** resident adds up the resident memory of the processes, in bytes; pages that they share count in each. */
export function resident(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parseResident(present(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? ""), 0);
}

// Processor time and memory of a tree of processes, from Linux's /proc. Time is the scheduler's own, in nanoseconds, over all threads.
import { readdirSync, readFileSync } from "node:fs";

/** parseSchedstat reads the time run, in ns, from /proc/PID/task/TID/schedstat: its first number (Linux, Documentation/scheduler/sched-stats). */
export function parseSchedstat(text: string): number {
  const ran = /^(\d+) \d+ \d+\s*$/.exec(text)?.[1];
  if (ran === undefined) throw new Error(`${text} is no schedstat`);
  return Number(ran);
}

/** Ticks of /proc/stat are a hundredth of a second on every Linux (USER_HZ). */
const tickNs = 1e7;

/** parseBusy reads how long some cores were not idle from /proc/stat, in ns: user, nice, system, irq, softirq and steal of a line cpuN (man 5 proc_stat). */
export function parseBusy(stat: string, cores: readonly number[]): number {
  return cores.reduce((sum, core) => {
    const fields = new RegExp(`^cpu${core} (.*)$`, "m").exec(stat)?.[1]?.split(" ").map(Number);
    if (fields === undefined) throw new Error(`/proc/stat has no core ${core}`);
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
    return sum + (user + nice + system + irq + softirq + steal) * tickNs;
  }, 0);
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

/** present reads, or gives undefined if the process has ended meanwhile. */
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

/** ranNs adds up the time run of all threads of the processes. */
export function ranNs(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    for (const thread of present(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
      const text = present(() => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"));
      if (text !== undefined) sum += parseSchedstat(text);
    }
  }
  return sum;
}

/** busyNs is how long some cores were not idle since the machine started. */
export function busyNs(cores: readonly number[]): number {
  return parseBusy(readFileSync("/proc/stat", "utf8"), cores);
}

/** resident adds up the resident memory of the processes, in bytes; pages that they share count in each. */
export function resident(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parseResident(present(() => readFileSync(`/proc/${pid}/status`, "utf8")) ?? ""), 0);
}

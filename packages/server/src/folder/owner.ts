import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

/** ownerName is what a folder of this process's own says of it: host, process number, and when that began, because numbers come again. */
export async function ownerName(): Promise<string> {
  return `${hostOf()}-${process.pid}-${await startOf(process.pid)}`;
}

/** ownerLives tells whether a folder's owner may still be there. Those of other hosts, which may share the disk, are taken to be. */
export async function ownerLives(name: string): Promise<boolean> {
  const [, host, pid, start] = /^(.+)-(\d+)-(\d+)$/.exec(name) ?? [];
  return host !== hostOf() || (await startOf(Number(pid))) === start;
}

function hostOf(): string {
  return hostname().replace(/[^\w.-]+/g, "_") || "host";
}

/** startOf tells when a living process began, as a number that is its alone: where there is no /proc, 0. undefined if there is no such process. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]; // field 22 of proc(5); the second may hold spaces and brackets
  } catch {
    if (process.platform === "linux") return undefined;
  }
  try {
    process.kill(pid, 0);
    return "0";
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === "EPERM" ? "0" : undefined;
  }
}

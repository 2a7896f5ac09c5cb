import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

/** Member is one running process of the fleet and where it listens. */
export interface Member {
  readonly name: string;
  readonly process: ChildProcess;
  /** exited resolves with a one-line account when the process ends, however it does. */
  readonly exited: Promise<string>;
}

/** How long a process may take to say that it listens, and to end after SIGTERM. */
const readyMs = 60_000;
const stopMs = 15_000;
/** Lines of a process's log kept for the case that it fails. */
const tailLines = 30;

/** start runs a bin of ours and resolves when its log says "listening"; a process that ends first rejects with its last log lines. */
export async function start(name: string, bin: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Member> {
  // A process group of its own: a terminal's Ctrl-C is for whoever stops the fleet, in order; members hear of it by SIGTERM.
  const detached = process.platform !== "win32";
  const child = spawn(process.execPath, [bin, ...args, "--log_format=json"], { stdio: ["ignore", "pipe", "pipe"], detached, env });
  const tail: string[] = [];
  const exited = once(child, "exit").then(([code, signal]) => `${name} ended (${signal ?? `exit ${code}`})`);
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        if (tail.push(line) > tailLines) tail.shift();
        if (line.includes('"event":"listening"')) resolve();
      });
    }
    timer = setTimeout(() => reject(new Error(`${name} did not listen within ${readyMs / 1000} s`)), readyMs);
    child.once("error", reject);
    void exited.then((how) => reject(new Error(how)));
  });
  try {
    await ready;
    return { name, process: child, exited };
  } catch (err) {
    child.kill("SIGKILL");
    throw new Error(`${(err as Error).message}\n${tail.join("\n")}`, { cause: err });
  } finally {
    clearTimeout(timer);
  }
}

/** How often ports are chosen anew because another program took one between our looking and the member's listening. */
const portTries = 3;

/** startOnFree starts a member on ports that are free: the preferred ones if it can have them. */
export async function startOnFree(
  preferred: readonly number[],
  launch: (ports: readonly number[]) => Promise<Member>,
): Promise<{ readonly member: Member; readonly ports: readonly number[] }> {
  for (let tries = 1; ; tries++) {
    const ports = await Promise.all(preferred.map((port) => freePort(tries === 1 ? port : 0)));
    try {
      return { member: await launch(ports), ports };
    } catch (err) {
      if (tries === portTries || !(err as Error).message.includes("address already in use")) throw err;
    }
  }
}

/** stop asks a process to drain and waits; one that does not end in time is killed. Tells whether it ended by itself with status 0. */
export async function stop(member: Member): Promise<boolean> {
  if (member.process.exitCode === null && member.process.signalCode === null) {
    const timer = setTimeout(() => member.process.kill("SIGKILL"), stopMs);
    member.process.kill("SIGTERM");
    await member.exited;
    clearTimeout(timer);
  }
  return member.process.exitCode === 0;
}

/** freePort gives `preferred` if nobody listens there, else one that the kernel picks. */
async function freePort(preferred: number): Promise<number> {
  for (const port of [preferred, 0]) {
    const probe = createServer();
    try {
      probe.listen(port, "127.0.0.1");
      await once(probe, "listening");
      const address = probe.address();
      if (address !== null && typeof address === "object") return address.port;
    } catch {
      // Taken: the next candidate is the kernel's choice.
    } finally {
      probe.close();
    }
  }
  throw new Error("no free port on 127.0.0.1");
}

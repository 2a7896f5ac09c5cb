// Starting and ending what is measured and what measures.
import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Running is a child pinned to some cores. */
export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  /** said is the end of what it wrote to standard error. */
  said(): string;
  /** ended says how it ended, or undefined while it runs. */
  ended(): string | undefined;
  stop(): Promise<void>;
}

/** What a child says is kept up to here. */
const saidMax = 4_000;
/** A child gets this long to end by itself. */
const stopMs = 3_000;

export interface StartOptions {
  readonly cores: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const children = new Set<Running>();

/** stopAll ends every child, for when the harness itself is interrupted. */
export async function stopAll(): Promise<void> {
  await Promise.all([...children].map((one) => one.stop()));
}

/** start runs a command on the given cores (a list as taskset takes it), in a group of its own so that all it starts ends with it. */
export function start(command: readonly string[], options: StartOptions): Running {
  const child = spawn("taskset", ["-c", options.cores, ...command], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  let said = "";
  let ended: string | undefined;
  const exit = new Promise<void>((resolve) => {
    child.on("error", (err) => {
      ended = err.message;
      resolve();
    });
    child.on("exit", (code, signal) => {
      ended = `ended with ${code ?? signal}`;
      children.delete(running);
      resolve();
    });
  });
  child.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-saidMax);
  });
  child.stdin.on("error", () => {}); // it ended: `ended` says how
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-running.pid, name);
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== "ESRCH") throw err;
    }
  };
  const running: Running = {
    pid: child.pid ?? 0,
    child,
    said: () => said,
    ended: () => ended,
    async stop() {
      if (running.pid === 0) return;
      if (ended === undefined) signal("SIGTERM");
      await Promise.race([exit, sleep(stopMs, undefined, { ref: false })]);
      signal("SIGKILL"); // whatever is left of the group
      await exit;
    },
  };
  children.add(running);
  return running;
}

/** freePorts finds ports that nothing listens on. They are held until all are found, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** untilListening waits for a port of a child, and fails with the child's own words if it ends first. */
export async function untilListening(running: Running, port: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await accepts(port)) return;
    if (running.ended() !== undefined) throw new Error(`${running.ended()}: ${running.said()}`);
    if (performance.now() > deadline) throw new Error(`does not listen on port ${port} after ${timeoutMs} ms: ${running.said()}`);
    await sleep(50);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

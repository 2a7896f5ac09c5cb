import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** bin is the server's command. */
export const bin: string = fileURLToPath(new URL("../../bin/tfs-server.js", import.meta.url));

/** Running is the server in a process of its own; disposing it ends the process. */
export interface Running extends AsyncDisposable {
  /** grpc and rest are base URLs. */
  readonly grpc: string;
  readonly rest: string;
  readonly pid: number;
  /** lines is its log so far, as JSON. */
  readonly lines: readonly string[];
  /** logged waits for a line that has all of the parts. */
  logged(...parts: readonly string[]): Promise<string>;
  /** exited is its exit status, once it has ended. */
  readonly exited: Promise<number | null>;
  /** stop asks it to drain, and gives its exit status. */
  stop(): Promise<number | null>;
}

/** How long a line of the log may take. */
const patienceMs = 60_000;

/** launch starts the server on two free ports of this machine, and waits until it listens; a shell runs `before` in front of it. Throws its log if it ends before. */
export async function launch(args: readonly string[], env?: NodeJS.ProcessEnv, before = ""): Promise<Running> {
  const [grpc, rest] = [await freePort(), await freePort()];
  const fixed = ["--log_format=json", "--host=127.0.0.1", `--port=${grpc}`, `--rest_api_port=${rest}`];
  const child = spawn("sh", ["-c", `${before}\nexec "$@"`, "sh", process.execPath, bin, ...fixed, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    ...(env === undefined ? {} : { env }),
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const log = newLog(child);
  const running: Running = {
    grpc: `http://127.0.0.1:${grpc}`,
    rest: `http://127.0.0.1:${rest}`,
    pid: child.pid!,
    lines: log.lines,
    exited: exited.then(([code]) => code),
    logged: log.logged,
    stop: async () => {
      child.kill("SIGTERM");
      return (await exited)[0];
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
  try {
    await log.logged('"event":"listening"');
    return running;
  } catch (err) {
    await running[Symbol.asyncDispose]();
    throw err;
  }
}

function newLog(child: ChildProcess): Pick<Running, "lines" | "logged"> {
  const lines: string[] = [];
  let wake: (() => void)[] = [];
  let ended = false;
  const changed = (): void => {
    const all = wake;
    wake = [];
    for (const resolve of all) resolve();
  };
  createInterface({ input: child.stderr! })
    .on("line", (line) => {
      lines.push(line);
      changed();
    })
    .on("close", () => {
      ended = true;
      changed();
    });
  const logged = async (...parts: readonly string[]): Promise<string> => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      changed();
    }, patienceMs);
    try {
      for (let i = 0; ; ) {
        for (; i < lines.length; i++) if (parts.every((part) => lines[i]!.includes(part))) return lines[i]!;
        if (ended || late) throw new Error(`${ended ? "the server ended" : "nothing"} before it logged ${parts.join(" ")}:\n${lines.join("\n")}`);
        await new Promise<void>((resolve) => wake.push(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  };
  return { lines, logged };
}

/** freePort gives a port that could be bound a moment ago, below the range from which the kernel takes ports for outgoing connections. */
let next = 10_000 + ((process.pid * 37) % 20_000);
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next++;
    const probe = createServer();
    const bound = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!bound) continue;
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    return port;
  }
}

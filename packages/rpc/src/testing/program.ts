import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** root is the repository's folder, from dist. */
export const root: string = fileURLToPath(new URL("../../../../", import.meta.url));

/** Program is a running command of this repository. */
export interface Program extends AsyncDisposable {
  readonly process: ChildProcess;
  /** lines is everything it has printed so far, on either stream. */
  readonly lines: readonly string[];
  /** until resolves with the first line, printed already or not yet, that satisfies `want`; it rejects when the program ends first. */
  until(want: (line: string) => boolean): Promise<string>;
  /** exited resolves with exit code or signal. */
  readonly exited: Promise<number | string>;
}

/** run starts a bin by its path from the repository's folder, on the Node that runs the tests. */
export function run(bin: string, args: readonly string[]): Program {
  return start(process.execPath, [root + bin, ...args]);
}

/** start starts any program. */
export function start(command: string, args: readonly string[]): Program {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const looks = new Set<() => void>();
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const look of looks) look();
    });
  }
  const exited = once(child, "close").then(([code, signal]: [number | null, string | null][number][]) => {
    ended = true;
    for (const look of looks) look();
    return code ?? signal ?? "unknown";
  });
  return {
    process: child,
    lines,
    exited,
    until: (want) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(want);
          if (found === undefined && !ended) return;
          looks.delete(look);
          if (found !== undefined) resolve(found);
          else reject(new Error(`${[command, ...args].join(" ")} ended before the line came:\n${lines.join("\n")}`));
        };
        looks.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill("SIGKILL");
      await exited;
    },
  };
}

/** freePort gives a port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

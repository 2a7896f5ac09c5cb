import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "./process.ts";

const tools = fileURLToPath(new URL("../../../../.tools/", import.meta.url));

/** Tool is a server of buckets that `npm run tools` installs. */
export interface Tool {
  readonly name: string;
  /** missing says what to do if it is not there. */
  readonly missing: string | false;
  /** start starts one without any bucket on a port that is free. */
  start(env?: Readonly<Record<string, string>>): Promise<Started>;
}

export interface Started extends AsyncDisposable {
  readonly url: string;
}

/** moto serves S3's API. */
export const moto: Tool = tool("moto", "moto/venv/bin/moto_server", (port) => ["-H", "127.0.0.1", "-p", String(port)]);

/** fakeGcs serves the API of Google Cloud Storage. */
export const fakeGcs: Tool = tool("fake-gcs-server", "fake-gcs-server/fake-gcs-server", (port) => [
  ...["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", String(port)],
  ...["-external-url", `http://127.0.0.1:${port}`, "-public-host", `127.0.0.1:${port}`],
]);

function tool(name: string, path: string, args: (port: number) => readonly string[]): Tool {
  const program = `${tools}${path}`;
  return {
    name,
    missing: existsSync(program) ? false : `needs ${name}, run npm run tools`,
    async start(env = {}) {
      const port = await freePort();
      const child = spawn(program, args(port), { env: { PATH: "/usr/bin:/bin", ...env }, stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          said = `${said}${chunk}`.slice(-4000);
        });
      }
      const url = `http://127.0.0.1:${port}`;
      await answering(url, child, () => said);
      return { url, [Symbol.asyncDispose]: () => ended(child) };
    },
  };
}

/** answering waits until a server answers anything. */
async function answering(url: string, child: ChildProcess, said: () => string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`it ended: ${said()}`);
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      await wait(100); // nobody tells when it listens
    }
  }
  await ended(child);
  throw new Error(`it does not answer: ${said()}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

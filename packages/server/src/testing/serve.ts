import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { background, type Logger, newLogger, systemClock } from "@tfs/std";
import type { ModelSource } from "../config/index.ts";
import type { ServerOptions, Started } from "../options.ts";
import { type ModelServer, newServer } from "../server.ts";

/** models is the folder of committed test models. */
export const models: string = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));

/** silent keeps a test's output its own. */
export const silent: Logger = newLogger({ write: () => {}, clock: systemClock(), level: "error" });

/** Served is a server on real sockets of this machine; disposing it cuts what is still open. */
export interface Served extends AsyncDisposable {
  readonly server: ModelServer;
  readonly started: Started;
  /** grpc and rest are base URLs. */
  readonly grpc: string;
  readonly rest: string;
}

/** serve starts a server over committed models, named by folder, or over sources of your own. */
export async function serve(sources: readonly (string | ModelSource)[], options: Partial<ServerOptions> = {}): Promise<Served> {
  const server = newServer({
    models: sources.map((source) => (typeof source === "string" ? { name: source, basePath: join(models, source) } : source)),
    clock: systemClock(),
    logger: silent,
    grpc: [{ port: 0, host: "127.0.0.1" }],
    rest: { port: 0, host: "127.0.0.1" },
    ...options,
  });
  const started = await server.start(background());
  return {
    server,
    started,
    grpc: `http://${started.grpc[0]}`,
    rest: `http://${started.rest}`,
    [Symbol.asyncDispose]: async () => void (await server.drain(0)),
  };
}

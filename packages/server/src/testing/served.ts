import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { background, discard, systemClock } from "@tfs/std";
import { newModelServer, type ServerOptions } from "../index.ts";

/** The repository's models with their golden files. */
export const modelsDir: string = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));

export interface Served extends AsyncDisposable {
  /** grpc and rest are "host:port". */
  readonly grpc: string;
  readonly rest: string;
}

/** serve starts a real server on free ports of the loopback address, with every model of the repository unless told otherwise. */
export async function serve(options: Partial<ServerOptions> = {}): Promise<Served> {
  const models = readdirSync(modelsDir, { withFileTypes: true })
    .filter((e) => e.isDirectory())
    .map((e) => ({ name: e.name, basePath: join(modelsDir, e.name) }));
  const server = newModelServer({
    models,
    clock: systemClock(),
    logger: discard(),
    grpc: [{ port: 0, host: "127.0.0.1" }],
    rest: { port: 0, host: "127.0.0.1" },
    ...options,
  });
  const { grpc, rest } = await server.start(background());
  return { grpc: grpc[0]!, rest: rest!, [Symbol.asyncDispose]: () => server.drain(1_000) };
}

import type { Server } from "node:http";

/** Listening is a server on a port of this machine that nobody else had. */
export interface Listening {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** listening lets an HTTP server listen; closing it cuts what is still open. */
export async function listening(server: Server, scheme: "http" | "https"): Promise<Listening> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens on a port");
  return {
    url: `${scheme}://127.0.0.1:${address.port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { test } from "node:test";
import { background, discard, systemClock } from "@tfs/std";
import { newChannel } from "../channel.ts";
import { frameMessage } from "../frame.ts";

for (const headerTableSize of [0, 100, 4096, 65_536]) {
  test(`a peer whose compression table holds ${headerTableSize} bytes understands every header block`, async () => {
    const server = createServer({ settings: { headerTableSize } }, (request, response) => {
      request.resume();
      request.on("end", () => {
        response.writeHead(200, { "content-type": "application/grpc" });
        response.addTrailers({ "grpc-status": "0" });
        response.write(frameMessage(Buffer.from("ok")));
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const channel = newChannel({ address: `127.0.0.1:${port}`, clock: systemClock(), logger: discard() });
    try {
      for (let i = 0; i < 3; i++) assert.equal(Buffer.from((await channel.unary(background(), `/s/M${i}`, Buffer.from("hi"))).message).toString(), "ok");
    } finally {
      await channel.close();
      server.close();
    }
  });
}

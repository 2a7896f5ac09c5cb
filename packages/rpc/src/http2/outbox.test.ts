import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http2";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { test } from "node:test";
import { background, discard, systemClock } from "@tfs/std";
import { reads } from "../buffers.ts";
import { newChannel } from "../channel.ts";
import { frameMessage } from "../frame.ts";
import { newOutput } from "../output.ts";
import { newOutbox } from "./outbox.ts";

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

test("a read buffer that was passed on as it is comes back when its bytes have left, not before", async () => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
  await once(socket, "connect");
  const [peer] = await accepted;
  const out = newOutbox();
  out.output = newOutput(socket, () => {});
  const lent: Buffer[] = [];
  try {
    // Until the kernel takes no more.
    while (!out.holding) {
      const buffer = Buffer.alloc(reads.sizeBytes);
      assert.equal(out.data(1, buffer, 0, 16_384, false), true);
      out.flush();
      if (!out.holding) continue;
      lent.push(buffer);
      out.lend(buffer);
    }
    out.settingsAck();
    out.flush();
    const early = reads.take();
    assert.notEqual(early, lent[0]);
    peer.resume();
    await new Promise((resolve) => socket.write("x", resolve)); // behind all that waits
    out.settingsAck();
    out.flush();
    assert.equal(reads.take(), lent[0]);
  } finally {
    socket.destroy();
    peer.destroy();
    server.close();
  }
});

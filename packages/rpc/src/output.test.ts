import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import { test } from "node:test";
import { newOutput } from "./output.ts";

/** Derived sockets are written to by their own write, as those over TLS are. */
class OtherSocket extends Socket {}

const pieceBytes = 100_000;
const sockets = [
  { name: "a plain socket", make: (port: number) => connect(port, "127.0.0.1") },
  { name: "another kind of socket", make: (port: number) => new OtherSocket().connect(port, "127.0.0.1") },
];

/** pair gives a connected socket and its peer, which reads nothing yet. */
async function pair(make: (port: number) => Socket): Promise<{ socket: Socket; peer: Socket; close: () => void }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const socket = make((server.address() as { port: number }).port);
  socket.on("error", () => {});
  await once(socket, "connect");
  const [peer] = await accepted;
  return {
    socket,
    peer,
    close() {
      socket.destroy();
      peer.destroy();
      server.close();
    },
  };
}

/** piece is told from every other by its bytes. */
function piece(n: number): Buffer {
  return Buffer.alloc(pieceBytes, `${n} `);
}

for (const { name, make } of sockets) {
  test(`output: of ${name}, what a slow reader is sent waits, is counted, and comes whole and in order`, async () => {
    const { socket, peer, close } = await pair(make);
    try {
      let drained = 0;
      const output = newOutput(socket, () => drained++);
      const said: Buffer[] = [];
      const say = (count: number): void => {
        const pieces = Array.from({ length: count }, () => {
          const next = piece(said.length);
          said.push(next);
          return next;
        });
        if (count === 1) output.write(pieces[0]!);
        else output.writeAll(pieces);
      };
      while (output.unsent === 0) say(1);
      const before = output.unsent;
      say(3);
      say(1);
      assert.ok(output.unsent >= before + 4 * pieceBytes, `${output.unsent} wait`);
      assert.equal(drained, 0);
      let received = Buffer.alloc(0);
      const all = said.length * pieceBytes;
      peer.on("data", (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
      });
      peer.resume();
      while (received.length < all) await once(peer, "data");
      assert.ok(received.equals(Buffer.concat(said)));
      while (drained === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual([output.unsent, output.sent, drained], [0, all, 1]);
    } finally {
      close();
    }
  });

  test(`output: of ${name}, what waits is sent before the socket's end`, async () => {
    const { socket, peer, close } = await pair(make);
    try {
      const output = newOutput(socket, () => {});
      let bytes = 0;
      for (; output.unsent === 0; bytes += pieceBytes) output.write(piece(0));
      socket.end();
      let received = 0;
      peer.on("data", (chunk: Buffer) => {
        received += chunk.length;
      });
      peer.resume();
      await once(peer, "end");
      assert.equal(received, bytes);
    } finally {
      close();
    }
  });

  test(`output: of ${name}, a peer that is gone is the socket's error, and nothing waits any more`, async () => {
    const { socket, peer, close } = await pair(make);
    try {
      const output = newOutput(socket, () => {});
      while (output.unsent === 0) output.write(piece(0));
      const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once("error", resolve));
      peer.resetAndDestroy();
      assert.match((await failed).code ?? "", /^(EPIPE|ECONNRESET)$/);
      output.write(piece(1));
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(socket.destroyed, true);
    } finally {
      close();
    }
  });
}

test("output: bytes that are written before the connection is there are sent when it is, ahead of those that follow", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
  try {
    const output = newOutput(socket, () => {});
    output.write(Buffer.from("a"));
    output.writeAll([Buffer.from("b"), Buffer.from("c")]);
    await once(socket, "connect");
    output.write(Buffer.from("d"));
    const [peer] = await accepted;
    let text = "";
    peer.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    while (text.length < 4) await once(peer, "data");
    assert.equal(text, "abcd");
    peer.destroy();
  } finally {
    socket.destroy();
    server.close();
  }
});

// Node 26 writes in another way, by its sockets' own writes.
if (Number(process.versions.node.split(".")[0]) < 26) {
  test("output: a plain socket's own write is not used", async () => {
    const { socket, close } = await pair(sockets[0]!.make);
    try {
      socket.write = () => assert.fail("the socket wrote");
      const output = newOutput(socket, () => {});
      output.write(Buffer.from("a"));
      output.writeAll([Buffer.from("b"), Buffer.from("c")]);
      assert.equal(output.sent, 3);
    } finally {
      close();
    }
  });
}

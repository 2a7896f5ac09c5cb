import { connect, createServer, type Server, type Socket } from "node:net";
import { clientPreface, encodeFrame, type Frame, frameFlag, frameType, newFrameReader } from "./frames.ts";

/** Raw is one end of an HTTP/2 connection that does exactly what a test tells it, and remembers all frames it received. */
export interface Raw {
  readonly socket: Socket;
  readonly frames: readonly Frame[];
  send(...frames: readonly Uint8Array[]): void;
  /** until resolves with the first received frame (from the start) that satisfies `want`; it rejects when the connection closes before. */
  until(want: (frame: Frame) => boolean): Promise<Frame>;
  /** closed resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

/** rawClient connects and sends the preface and empty settings. */
export function rawClient(port: number, host = "127.0.0.1"): Raw {
  const socket = connect(port, host);
  socket.write(clientPreface);
  socket.write(encodeFrame(frameType.settings, 0, 0));
  return watch(socket, newFrameReader(), true);
}

/** rawServer hands each accepted connection to `serve`, with its settings already sent; with `settings` false it says nothing by itself, not even an acknowledgement. It gives the port and, disposed, closes. */
export async function rawServer(serve: (peer: Raw) => void, settings: Uint8Array | false = new Uint8Array()): Promise<Disposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    if (settings !== false) socket.write(encodeFrame(frameType.settings, 0, 0, settings));
    serve(watch(socket, skip(clientPreface.length, newFrameReader()), settings !== false));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function skip(bytes: number, read: (chunk: Uint8Array) => readonly Frame[]): (chunk: Uint8Array) => readonly Frame[] {
  let left = bytes;
  return (chunk) => {
    const cut = Math.min(left, chunk.length);
    left -= cut;
    return read(chunk.subarray(cut));
  };
}

function watch(socket: Socket, read: (chunk: Uint8Array) => readonly Frame[], acknowledge: boolean): Raw {
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  let gone = false;
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => {
      gone = true;
      for (const look of waiting) look();
      resolve();
    });
  });
  socket.on("error", () => {}); // a reset is one way to close
  socket.on("data", (chunk: Buffer) => {
    for (const frame of read(chunk)) {
      frames.push(frame);
      if (acknowledge && frame.type === frameType.settings && frame.flags === 0) socket.write(encodeFrame(frameType.settings, frameFlag.ack, 0));
    }
    for (const look of waiting) look();
  });
  return {
    socket,
    frames,
    closed,
    send: (...parts) => void socket.write(Buffer.concat(parts)),
    until: (want) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = frames.find(want);
          if (found === undefined && !gone) return;
          waiting.delete(look);
          if (found !== undefined) resolve(found);
          else reject(new Error("the connection closed before the frame came"));
        };
        waiting.add(look);
        look();
      }),
  };
}

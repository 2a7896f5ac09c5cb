import type { Socket } from "node:net";
import type { Clock } from "@tfs/std";
import { classify, type Wire } from "./preface.ts";

export interface SniffOptions {
  readonly clock: Clock;
  /** A connection that has not shown its protocol after this long is destroyed. */
  readonly firstBytesMs: number;
}

/** sniff waits for the bytes that tell a connection's protocol, pushes them back and hands the socket on; a connection that ends or stays silent is destroyed. */
export function sniff(socket: Socket, options: SniffOptions, onWire: (wire: Wire) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const onReadable = (): void => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    }
    const wire = classify(seen);
    if (wire === undefined) return;
    stop();
    socket.unshift(seen);
    onWire(wire);
  };
  const giveUp = (): void => {
    stop();
    socket.destroy();
  };
  const timer = options.clock.after(options.firstBytesMs, giveUp, { background: true });
  const stop = (): void => {
    timer.cancel();
    socket.removeListener("readable", onReadable);
    socket.removeListener("end", giveUp);
    socket.removeListener("close", stop);
  };
  socket.on("readable", onReadable);
  socket.on("end", giveUp);
  socket.on("close", stop);
}

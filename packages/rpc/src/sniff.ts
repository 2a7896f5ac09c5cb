import type { Clock } from "@tfs/std";
import { classify, type Kind } from "./preface.ts";
import type { Wire } from "./wire.ts";

export interface SniffOptions {
  readonly clock: Clock;
  /** A connection that has not shown its protocol after this long is destroyed. */
  readonly firstBytesMs: number;
}

/** sniff waits for the bytes that tell a connection's protocol and hands them on with the wire; a connection that stays silent is destroyed. */
export function sniff(wire: Wire, options: SniffOptions, onKind: (kind: Kind, buffer: Buffer, start: number, end: number) => void): void {
  const { socket } = wire;
  let seen: Buffer | undefined;
  const stop = (): void => {
    timer.cancel();
    wire.onClose = undefined;
  };
  const giveUp = (): void => {
    stop();
    socket.destroy();
  };
  const timer = options.clock.after(options.firstBytesMs, giveUp, { background: true });
  wire.onClose = stop;
  wire.onBytes = (buffer, start, end) => {
    const first = seen === undefined ? buffer.subarray(start, end) : Buffer.concat([seen, buffer.subarray(start, end)]);
    const kind = classify(first);
    if (kind === undefined) {
      seen = Buffer.from(first);
      return;
    }
    stop();
    if (seen === undefined) onKind(kind, buffer, start, end);
    else onKind(kind, first, 0, first.length);
  };
}

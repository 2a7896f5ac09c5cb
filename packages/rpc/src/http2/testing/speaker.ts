import type { Socket } from "node:net";
import { encodeFrame, type Frame, frameFlag, frameType, newFrameReader } from "../../testing/index.ts";

/** turns lets everything that is under way within this process arrive. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Said is what the other side of a raw connection said. */
export interface Said {
  readonly frames: readonly Frame[];
  /** closed tells whether it has closed the connection, or said that it will. */
  readonly closed: boolean;
}

/** speak says the pieces on a fresh connection, and gives what came back. `settled` changes with whatever else is waited for. */
export async function speak(socket: Socket, pieces: readonly Uint8Array[], settled: () => number): Promise<Said> {
  const read = newFrameReader();
  const frames: Frame[] = [];
  let gone = false;
  socket.on("data", (chunk: Buffer) => frames.push(...read(chunk)));
  socket.on("error", () => {}); // a reset is one way to close
  socket.on("close", () => {
    gone = true;
  });
  await say(socket, pieces, () => frames.length * 1000 + settled() + (gone ? 0.5 : 0));
  return { frames, closed: gone || frames.some(isGoaway) };
}

/** isGoaway tells the end of a connection for a fault. */
export const isGoaway = ({ type, payload }: Frame): boolean => type === frameType.goaway && payload.readUInt32BE(4) !== 0;

/** say writes the pieces, each for a read of its own, and waits until nothing changes any more. */
export async function say(socket: Socket, pieces: readonly Uint8Array[], state: () => number): Promise<void> {
  socket.setNoDelay(true);
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    await turns(1);
  }
  for (let still = 0, before = -1; still < quietTurns; ) {
    await turns(1);
    still = state() === before ? still + 1 : 0;
    before = state();
  }
}

/** On loopback what was written is there in the next turn; a few more, for who answers later. */
const quietTurns = 12;

/** acknowledgement is the answer to the other side's first SETTINGS. */
export const acknowledgement: Buffer = encodeFrame(frameType.settings, frameFlag.ack, 0);

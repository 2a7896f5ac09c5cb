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
  await say(
    socket,
    pieces,
    () => frames.length * 1000 + settled() + (gone ? 0.5 : 0),
    () => gone || frames.some(isFarewell),
  );
  return { frames, closed: gone || frames.some(isGoaway) };
}

/** isGoaway tells the end of a connection for a fault. */
export const isGoaway = ({ type, payload }: Frame): boolean => type === frameType.goaway && payload.readUInt32BE(4) !== 0;

/** A ping behind all that is said: its answer comes when the rest has been read. */
const farewell = Buffer.from("farewell");
/** isFarewell tells that answer. */
export const isFarewell = ({ type, payload }: Frame): boolean => type === frameType.ping && payload.equals(farewell);

/** say writes the pieces, each for a read of its own, and a ping behind them. It waits until `done`, and then until nothing changes any more. */
export async function say(socket: Socket, pieces: readonly Uint8Array[], state: () => number, done: () => boolean): Promise<void> {
  socket.setNoDelay(true);
  for (const piece of [...pieces, encodeFrame(frameType.ping, 0, 0, farewell)]) {
    if (socket.destroyed) break;
    socket.write(piece);
    await turns(1);
  }
  for (let still = 0, before = -1; still < (done() ? quietTurns : patience); ) {
    await turns(1);
    still = state() === before ? still + 1 : 0;
    before = state();
  }
}

/** What was read has its answers in the next turn on loopback; a few more, for who answers later. */
const quietTurns = 12;
/** The ping may have fallen into a frame that does not end. */
const patience = 3000;

/** acknowledgement is the answer to the other side's first SETTINGS. */
export const acknowledgement: Buffer = encodeFrame(frameType.settings, frameFlag.ack, 0);

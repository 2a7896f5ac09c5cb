// Data plane. Frames through a socket.
import { Socket } from "node:net";
import { newFrameReader } from "./frame.ts";

/** Pipe is one end of what two processes speak through. */
export interface Pipe {
  /** send writes a frame; those of one turn leave together. A pipe that has ended takes it and drops it. */
  send(frame: readonly Uint8Array[]): void;
  /** flushed resolves when all that was sent has left, or never will. */
  flushed(): Promise<void>;
  /** destroy ends it at once. */
  destroy(): void;
}

export interface PipeEvents {
  onBody(body: Buffer): void;
  /** onFault is told what is wrong with what came in, once: nothing after it is read. */
  onFault(err: unknown): void;
  /** onEnd is told when nothing comes any more. */
  onEnd(): void;
}

/** Answers of so many bytes may wait for the other end; then no more calls are read until it has taken them. */
const fullBytes = 64 << 20;

/**
 * openPipe is the end of the engine's process, which was given a socket's descriptor: long frames are read straight into their places. It does not read while the other
 * end does not; that one reads always, so neither waits for the other.
 */
export function openPipe(fd: number, events: PipeEvents): Pipe {
  const reader = newFrameReader(events.onBody);
  const callback = (n: number): boolean => guarded(socket, events, () => reader.filled(n)) && socket.writableLength <= fullBytes;
  const socket: Socket = new Socket({ fd, readable: true, writable: true, onread: { buffer: () => reader.room(), callback } });
  socket.on("drain", () => socket.resume());
  return over(socket, events);
}

/** attachPipe is the end of who started that process, and has a socket already. */
export function attachPipe(socket: Socket, events: PipeEvents): Pipe {
  const reader = newFrameReader(events.onBody);
  socket.on("data", (bytes: Buffer) => void guarded(socket, events, () => reader.push(bytes)));
  return over(socket, events);
}

function guarded(socket: Socket, events: PipeEvents, read: () => void): boolean {
  if (socket.destroyed) return false;
  try {
    read();
    return true;
  } catch (err) {
    socket.destroy();
    events.onFault(err);
    return false;
  }
}

function over(socket: Socket, events: PipeEvents): Pipe {
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  socket.on("error", () => {}); // it closes, which is told
  socket.on("end", () => socket.destroy());
  socket.on("close", () => events.onEnd());
  socket.resume();
  return {
    send(frame) {
      if (socket.destroyed) return;
      if (!corked) {
        corked = true;
        socket.cork();
        process.nextTick(uncork);
      }
      for (const piece of frame) socket.write(piece);
    },
    flushed: () => new Promise((resolve) => void socket.write("", () => resolve())),
    destroy: () => void socket.destroy(),
  };
}

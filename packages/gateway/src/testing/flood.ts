import { readFileSync } from "node:fs";
import { encodeFrame, frameType, type Raw } from "@tfs/rpc/testing";
import { turn } from "./start.ts";

/** linuxOnly gives the reason to skip a test that looks at a process's memory, or false where that can be done. */
export function linuxOnly(): string | false {
  return process.platform !== "linux" && "needs Linux: it reads a process's peak memory from /proc";
}

/** peakBytes is the most memory that a process has had at once (proc_pid_status(5), VmHWM). */
export function peakBytes(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  if (kilobytes === undefined) throw new Error(`process ${pid} tells no peak`);
  return Number(kilobytes) * 1024;
}

/** pour writes one piece after the other as fast as the peer takes them, letting the event loop turn between two, until all are written or the connection is gone. */
export async function pour(raw: Raw, pieces: Iterable<Uint8Array>): Promise<void> {
  for (const piece of pieces) {
    if (raw.socket.destroyed) return;
    const room = raw.socket.write(piece);
    if (!room) await Promise.race([new Promise((resolve) => raw.socket.once("drain", resolve)), raw.closed]);
    await turn();
  }
}

const question = Buffer.from("are you?");

/** survives asks with a PING whether the other side has read all that was written and goes on: false when it has closed the connection. */
export async function survives(raw: Raw): Promise<boolean> {
  raw.socket.resume();
  raw.send(encodeFrame(frameType.ping, 0, 0, question));
  try {
    await raw.until((frame) => frame.type === frameType.ping && frame.payload.equals(question));
    return true;
  } catch {
    return false; // closed before the answer
  }
}

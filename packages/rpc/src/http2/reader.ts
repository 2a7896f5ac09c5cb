// Data plane. Cuts a connection's bytes into frames. DATA is passed on as it comes, where it lies; every other frame is small and passed on whole.
import { flag, frame, frameBytes, headBytes, uint31 } from "./frame.ts";

/** FrameSink hears frames. What it is given lies in the reader's buffer and is its only during the call. */
export interface FrameSink {
  /** onHead hears of each frame before its payload; false when that is the connection's end. */
  onHead(length: number, type: number, flags: number, stream: number): boolean;
  /** A whole frame that is no DATA, or DATA with padding: its payload is buffer[start, end). */
  onFrame(type: number, flags: number, stream: number, buffer: Buffer, start: number, end: number): void;
  /** Bytes of DATA. `last` says that the frame ends with them, `inPlace` that the nine bytes in front of them may be written over. */
  onData(stream: number, flags: number, buffer: Buffer, start: number, end: number, last: boolean, inPlace: boolean): void;
}

/** newFrameReader makes a reader that is at the start of a frame. */
export function newFrameReader(sink: FrameSink): FrameReader {
  return new FrameReader(sink);
}

class FrameReader {
  readonly #sink: FrameSink;
  /** A frame of which not all has come: its header, and the payload unless it is DATA. */
  #part: Buffer | undefined = undefined;
  #partBytes = 0;
  #parts = 0;
  /** rest is how many bytes of a DATA frame that has begun are still to come. */
  rest = 0;
  #stream = 0;
  #flags = 0;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** part is a number of its own for a frame other than DATA that has begun and not ended; 0 if there is none. */
  get part(): number {
    return this.#partBytes > 0 ? this.#parts : 0;
  }

  /** stop makes the reader deaf. */
  stop(): void {
    this.#stopped = true;
    this.#drop();
  }

  /** read takes buffer[start, end). */
  read(buffer: Buffer, start: number, end: number): void {
    let at = start;
    if (this.rest > 0) at = this.#continueData(buffer, at, end);
    if (this.#partBytes > 0) at = this.#completePart(buffer, at, end);
    const sink = this.#sink;
    while (!this.#stopped && end - at >= headBytes) {
      const length = (buffer[at]! << 16) | (buffer[at + 1]! << 8) | buffer[at + 2]!;
      const type = buffer[at + 3]!;
      const flags = buffer[at + 4]!;
      const stream = uint31(buffer, at + 5);
      const body = at + headBytes;
      if (type === frame.data && (flags & flag.padded) === 0) {
        if (!sink.onHead(length, type, flags, stream)) return;
        if (end - body >= length) {
          at = body + length;
          sink.onData(stream, flags, buffer, body, at, true, true);
          continue;
        }
        this.rest = length - (end - body);
        this.#stream = stream;
        this.#flags = flags;
        if (end > body) sink.onData(stream, flags, buffer, body, end, false, true);
        return;
      }
      if (end - body < length) {
        // The length must be believable before anything is kept for it.
        if (length > frameBytes && !sink.onHead(length, type, flags, stream)) return;
        break;
      }
      if (!sink.onHead(length, type, flags, stream)) return;
      at = body + length;
      sink.onFrame(type, flags, stream, buffer, body, at);
    }
    if (at < end && !this.#stopped) this.#keep(buffer, at, end);
  }

  #continueData(buffer: Buffer, start: number, end: number): number {
    const length = Math.min(this.rest, end - start);
    this.rest -= length;
    this.#sink.onData(this.#stream, this.#flags, buffer, start, start + length, this.rest === 0, false);
    return start + length;
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    this.#part ??= Buffer.allocUnsafeSlow(headBytes + 55);
    if (this.#partBytes === 0) this.#parts++;
    this.#append(buffer, start, end);
  }

  #append(buffer: Buffer, start: number, end: number): void {
    const bytes = this.#partBytes + end - start;
    if (bytes > this.#part!.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.#part!.length * 4, headBytes + frameBytes)));
      larger.set(this.#part!.subarray(0, this.#partBytes));
      this.#part = larger;
    }
    this.#part!.set(buffer.subarray(start, end), this.#partBytes);
    this.#partBytes = bytes;
  }

  /** #completePart takes as much as the frame begun before lacks, and passes it on when it is whole. */
  #completePart(buffer: Buffer, start: number, end: number): number {
    let at = start;
    const want = (bytes: number): boolean => {
      const taken = Math.min(bytes - this.#partBytes, end - at);
      if (taken > 0) this.#append(buffer, at, at + taken);
      at += Math.max(taken, 0);
      return this.#partBytes >= bytes;
    };
    if (!want(headBytes)) return at;
    const part = this.#part!;
    const length = (part[0]! << 16) | (part[1]! << 8) | part[2]!;
    const type = part[3]!;
    const flags = part[4]!;
    const stream = uint31(part, 5);
    if (type === frame.data && (flags & flag.padded) === 0) {
      this.#drop();
      if (!this.#sink.onHead(length, type, flags, stream)) return end;
      if (length === 0) this.#sink.onData(stream, flags, buffer, at, at, true, false);
      else {
        this.rest = length;
        this.#stream = stream;
        this.#flags = flags;
        if (end > at) return this.#continueData(buffer, at, end);
      }
      return at;
    }
    if (length > frameBytes && !this.#sink.onHead(length, type, flags, stream)) return end;
    if (!want(headBytes + length)) return at;
    const whole = this.#part!;
    this.#drop();
    if (!this.#sink.onHead(length, type, flags, stream)) return end;
    this.#sink.onFrame(type, flags, stream, whole, headBytes, headBytes + length);
    return at;
  }

  #drop(): void {
    this.#part = undefined;
    this.#partBytes = 0;
  }
}
export type { FrameReader };

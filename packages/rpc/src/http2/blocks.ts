// Data plane. Header blocks (RFC 9113, sections 4.3, 6.2 and 8.1): whole ones are a request, an answer or trailers.
import { isFailure } from "@tfs/std";
import { type Block, type Decoder, newDecoder, trailersFault } from "../hpack/index.ts";
import { flag, h2, uint31 } from "./frame.ts";
import { type HeaderBlock, newHeaderBlock } from "./header_block.ts";
import type { Session } from "./session.ts";
import { newStream, type Stream } from "./stream.ts";

/** newBlocks begins with an empty table. */
export function newBlocks(session: Session): Blocks {
  return new Blocks(session);
}

/** Compressed header blocks may be this much larger than the list they make, before they are refused. */
const blockSlack = 2;

class Blocks {
  readonly #session: Session;
  readonly #decoder: Decoder;
  readonly #part: HeaderBlock;

  constructor(session: Session) {
    const { server, limits } = session;
    this.#session = session;
    this.#decoder = newDecoder({
      maxTableBytes: 4096,
      maxListBytes: limits.headerBytes,
      kind: server ? "request" : "response",
      ...(server ? { apart: "grpc-timeout" } : {}),
    });
    this.#part = newHeaderBlock(limits.headerBytes * blockSlack);
  }

  /** stream is the one whose block has begun and not ended; 0 if there is none. */
  get stream(): number {
    return this.#part.stream;
  }

  onHeaders(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const { life } = this.#session;
    let from = start;
    let to = end;
    if ((flags & flag.padded) !== 0) {
      if (from >= to || buffer[from]! > to - from - 1) return void life.fault(h2.protocol, "padding longer than its frame");
      to -= buffer[from]!;
      from++;
    }
    if ((flags & flag.priority) !== 0) {
      if (to - from < 5) return void life.fault(h2.frameSize, "HEADERS without its priority");
      if (uint31(buffer, from) === id) return void life.fault(h2.protocol, "a stream that depends on itself");
      from += 5;
    }
    if (id === 0) return void life.fault(h2.protocol, "HEADERS on no stream");
    if ((flags & flag.endHeaders) === 0) return void this.#part.begin(id, flags, buffer, from, to);
    this.#onBlock(id, (flags & flag.endStream) !== 0, buffer, from, to);
  }

  onContinuation(flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    const { life } = this.#session;
    if (this.#part.stream === 0) return void life.fault(h2.protocol, "CONTINUATION without HEADERS");
    const code = this.#part.add(buffer, start, end);
    if (code !== h2.noError) return void life.fault(code, "a header block too long");
    if ((flags & flag.endHeaders) === 0) return;
    const { endStream } = this.#part;
    const whole = this.#part.take();
    this.#onBlock(id, endStream, whole, 0, whole.length);
  }

  /** #onBlock takes a whole block. It must be decoded whatever becomes of it, since later blocks build on it. */
  #onBlock(id: number, end: boolean, buffer: Buffer, start: number, to: number): void {
    const { life, server, streams } = this.#session;
    let block: Block;
    try {
      block = this.#decoder.decode(buffer, start, to);
    } catch (err) {
      if (!isFailure(err)) throw err;
      return void life.fault(h2.compression, err.message);
    }
    const stream = streams.get(id);
    if (stream !== undefined) {
      if (stream.heard) life.fault(h2.streamClosed, "HEADERS after the end of a stream");
      else if (server || stream.answered) this.#onTrailers(stream, block, end);
      else this.#onAnswer(stream, block, end);
    } else if (!server) {
      // What still comes on a stream that is over is no fault.
      if ((id & 1) === 0 || streams.isIdle(id)) life.fault(h2.protocol, "HEADERS on a stream that was never opened");
      else if (end) streams.onStrayEnd(id);
    } else if ((id & 1) === 0) life.fault(h2.protocol, "a client's stream with an even number");
    else if (streams.isIdle(id)) this.#onRequest(id, block, end);
    else if (!streams.wasReset(id)) life.fault(h2.streamClosed, "HEADERS on a closed stream");
  }

  #onRequest(id: number, block: Block, end: boolean): void {
    const session = this.#session;
    const { streams } = session;
    streams.lastId = id;
    if (id > session.life.acceptId) return; // after the last GOAWAY: the client knows that it was not seen
    if (streams.size + streams.refused >= session.limits.streams) return void streams.faultAt(id, h2.refused);
    if (block.tooLarge) return void streams.faultAt(id, h2.calm);
    if (block.malformed !== undefined) return void streams.faultAt(id, h2.protocol);
    const { announced } = block.fields;
    if (announced === -2 || (end && announced > 0)) return void streams.faultAt(id, h2.protocol);
    const refusal = session.options.refuse?.(block.fields, session.peer);
    if (refusal !== undefined) return void streams.refuse(id, refusal, announced, end);
    const stream = newStream(session, id, block.fields, block.apart);
    stream.announced = announced;
    streams.accept(stream);
    if (end && !stream.over) streams.heardEnd(stream, undefined);
  }

  #onAnswer(stream: Stream, block: Block, end: boolean): void {
    const { streams } = this.#session;
    if (block.malformed !== undefined || block.tooLarge) return void streams.fault(stream, h2.protocol);
    const status = block.fields.list[0]!.value;
    if (status.length === 3 && status.charCodeAt(0) === 0x31) {
      // 1xx: more is to come, and so it must
      if (end) streams.fault(stream, h2.protocol);
      return;
    }
    stream.answered = true;
    const { announced } = block.fields;
    if (status === "204" || status === "304" || stream.fields.get(":method") === "HEAD") {
      stream.announced = 0; // what has no body may say how long it would be (RFC 9110, section 8.6)
    } else if (announced !== -1) {
      stream.announced = announced;
      if (announced === -2 || (end && announced > 0)) return void streams.fault(stream, h2.protocol);
    }
    if (end) stream.heard = true;
    stream.handler.onHeaders(block.fields, end);
    if (end && !stream.over) streams.heardEnd(stream, undefined);
  }

  #onTrailers(stream: Stream, block: Block, end: boolean): void {
    const { streams } = this.#session;
    if (!end || block.tooLarge || trailersFault(block.fields) !== undefined) return void streams.fault(stream, h2.protocol);
    streams.heardEnd(stream, block.fields);
  }
}
export type { Blocks };

// What one side of an HTTP/2 connection might say: sequences of frames that keep all rules, and ways to break one.
import fc from "fast-check";
import { type Header, newPeer, type Peer } from "../../hpack/testing/index.ts";
import { encodeFrame, uint32 } from "../../testing/index.ts";
import { flag, frame } from "../frame.ts";

/** Step is one thing that a peer does; numbers are taken modulo what there is to choose from. */
export interface Step {
  readonly does: "open" | "data" | "trailers" | "reset" | "window" | "ping" | "settings" | "priority" | "unknown";
  readonly which: number;
  readonly size: number;
  readonly end: boolean;
  readonly padding: number | null;
  readonly priority: boolean;
  readonly pieces: number;
  readonly fields: readonly Header[];
}

/** Side is who speaks: a client opens streams, a server answers those that the other has opened. */
export type Side = "client" | "server";

const value = fc.oneof(
  fc.constantFrom("", "1", "trailers", "v".repeat(80)),
  fc.string({ unit: fc.constantFrom(..."abc /=;%"), maxLength: 12 }).map((text) => text.trim()),
);
const how = fc.constantFrom("indexed", "plain", "never");
const field: fc.Arbitrary<Header> = fc.record({
  name: fc.constantFrom("x-a", "x-b", "user-agent", "accept", "x-some-longer-name"),
  value,
  how,
  huffman: fc.boolean(),
});

const step: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom("open", "open", "open", "data", "data", "data", "data", "trailers", "reset", "window", "ping", "settings", "priority", "unknown"),
  which: fc.nat(7),
  size: fc.oneof(fc.nat(20), fc.nat(2_000)),
  end: fc.boolean(),
  padding: fc.option(fc.nat(20), { freq: 3 }),
  priority: fc.boolean(),
  pieces: fc.integer({ min: 1, max: 3 }),
  fields: fc.array(field, { maxLength: 4 }),
});

/** Reads as small as the head of a frame in parts, and as large as all. */
export const sizes: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant([100_000]),
  fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 4 }),
  fc.array(fc.integer({ min: 30, max: 200 }), { minLength: 1, maxLength: 8 }),
);
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(step, { maxLength: 24, size: "max" });

/** write makes frames of steps: those that make no sense where they stand are left out. A server has `streams` requests to answer. */
export function write(steps: readonly Step[], side: Side, streams: number): Buffer[] {
  const script = new Script(side, streams);
  for (const one of steps) script.take(one);
  return script.frames;
}

class Script {
  readonly frames: Buffer[] = [];
  readonly #side: Side;
  readonly #peer: Peer = newPeer(4096);
  /** Streams on which more may be said, and whether headers were. */
  readonly #open: { readonly id: number; begun: boolean }[] = [];
  #next = 1;

  constructor(side: Side, streams: number) {
    this.#side = side;
    if (side === "server") for (let i = 0; i < streams; i++) this.#open.push({ id: 2 * i + 1, begun: false });
  }

  take(one: Step): void {
    switch (one.does) {
      case "open":
        return void this.#begin(one);
      case "data":
        return void this.#data(one);
      case "trailers":
        return void this.#trailers(one);
      case "reset":
        return void this.#reset(one);
      case "window":
        return void this.#say(frame.window, 0, one.which === 0 ? 0 : (this.#begun(one)?.id ?? 0), uint32(one.size + 1));
      case "ping":
        return void this.#say(frame.ping, 0, 0, Buffer.alloc(8, one.which));
      case "settings":
        return void this.#say(
          frame.settings,
          0,
          0,
          one.end ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0, 4), uint32(60_000 + one.size), Buffer.of(0, 0xf0), uint32(one.size)]),
        );
      case "priority":
        return void this.#say(frame.priority, 0, 2 * one.which + 101, Buffer.alloc(5, 0));
      case "unknown":
        return void this.#say(0x40 + one.which, one.size & 0xff, 0, Buffer.alloc(one.size));
    }
  }

  #begin(one: Step): void {
    const id = this.#side === "client" ? this.#next : this.#open.find((stream) => !stream.begun)?.id;
    if (id === undefined) return;
    this.#next += 2;
    const pseudo: Header[] =
      this.#side === "client"
        ? [":method", ":scheme", ":authority", ":path"].map((name, i) => ({ name, value: ["POST", "http", "h", `/${id}`][i]! }))
        : [{ name: ":status", value: ["200", "404", "500"][one.which % 3]! }];
    this.#headers(id, [...pseudo, ...one.fields], one.end, one);
    if (this.#side === "client") {
      if (!one.end) this.#open.push({ id, begun: true });
    } else if (one.end) this.#close(id);
    else this.#open.find((stream) => stream.id === id)!.begun = true;
  }

  #data(one: Step): void {
    const stream = this.#begun(one);
    if (stream === undefined) return;
    const padded =
      one.padding === null
        ? Buffer.alloc(one.size, stream.id)
        : Buffer.concat([Buffer.of(one.padding), Buffer.alloc(one.size, stream.id), Buffer.alloc(one.padding)]);
    this.#say(frame.data, (one.end ? flag.endStream : 0) | (one.padding === null ? 0 : flag.padded), stream.id, padded);
    if (one.end) this.#close(stream.id);
  }

  #trailers(one: Step): void {
    const stream = this.#begun(one);
    if (stream === undefined) return;
    this.#headers(stream.id, [{ name: "x-trailer", value: "t" }, ...one.fields], true, { ...one, priority: false });
    this.#close(stream.id);
  }

  #reset(one: Step): void {
    const stream = this.#begun(one);
    if (stream === undefined) return;
    this.#say(frame.reset, 0, stream.id, uint32(8));
    this.#close(stream.id);
  }

  #headers(id: number, list: readonly Header[], end: boolean, one: Step): void {
    const block = this.#peer.encode(list);
    const cuts = Array.from({ length: one.pieces + 1 }, (_, i) => Math.round((block.length * i) / one.pieces));
    for (let i = 0; i < one.pieces; i++) {
      const piece = block.subarray(cuts[i], cuts[i + 1]);
      const last = i === one.pieces - 1 ? flag.endHeaders : 0;
      if (i > 0) this.#say(frame.continuation, last, id, piece);
      else {
        const { padding, priority } = one;
        const before = [...(padding === null ? [] : [Buffer.of(padding)]), ...(priority ? [Buffer.concat([uint32(0), Buffer.of(15)])] : [])];
        const flags = last | (end ? flag.endStream : 0) | (padding === null ? 0 : flag.padded) | (priority ? flag.priority : 0);
        this.#say(frame.headers, flags, id, Buffer.concat([...before, piece, Buffer.alloc(padding ?? 0)]));
      }
    }
  }

  #begun(one: Step): { readonly id: number } | undefined {
    const begun = this.#open.filter((stream) => stream.begun);
    return begun[one.which % Math.max(begun.length, 1)];
  }

  #close(id: number): void {
    this.#open.splice(
      this.#open.findIndex((stream) => stream.id === id),
      1,
    );
  }

  #say(type: number, flags: number, stream: number, payload: Uint8Array): void {
    this.frames.push(encodeFrame(type, flags, stream, payload));
  }
}

/** cut divides bytes into pieces of the given sizes, again and again. */
export function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

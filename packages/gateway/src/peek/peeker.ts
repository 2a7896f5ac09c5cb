// Data plane. The first bytes of a call are mostly those of a call before: what was made of them is found by comparing them, without reading a message or a string.
import { peek, type Shape, type Spec } from "./peek.ts";

/** Peeker tells what calls of one shape are for, in the terms of whoever made it. */
export interface Peeker<T> {
  /** look gives what the call is for whose first bytes are buffer[start, end), gRPC's prefix in front; undefined if more of them are needed to tell. */
  look(buffer: Buffer, start: number, end: number): T | undefined;
}

/** Places of the table; a call whose first bytes fall on the place of others takes it. */
const slots = 512;
/** The message's tag, one byte of length, and so much content is a key at the most: a varint of one byte says no more. */
const maxContentBytes = 127;
const prefixBytes = 5;

interface Slot<T> {
  readonly key: Buffer;
  readonly value: T;
}

/** newPeeker makes a peeker; `valueFor` is asked when the answer is not at hand, with undefined if the call tells no model. It keeps 512 answers. */
export function newPeeker<T>(shape: Shape, valueFor: (spec: Spec | undefined) => T): Peeker<T> {
  return new Table(shape, valueFor);
}

class Table<T> implements Peeker<T> {
  readonly #shape: Shape;
  readonly #valueFor: (spec: Spec | undefined) => T;
  readonly #slots: (Slot<T> | undefined)[] = new Array<Slot<T> | undefined>(slots).fill(undefined);

  constructor(shape: Shape, valueFor: (spec: Spec | undefined) => T) {
    this.#shape = shape;
    this.#valueFor = valueFor;
  }

  look(buffer: Buffer, start: number, end: number): T | undefined {
    const at = start + prefixBytes;
    const length = keyBytes(buffer, start, end);
    if (length === 0) return this.#read(buffer, start, end);
    let hash = length;
    for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (slots - 1);
    const slot = this.#slots[place];
    if (slot !== undefined && same(slot.key, buffer, at, length)) return slot.value;
    const value = this.#read(buffer, start, end);
    if (value !== undefined) this.#slots[place] = { key: Buffer.from(buffer.subarray(at, at + length)), value };
    return value;
  }

  #read(buffer: Buffer, start: number, end: number): T | undefined {
    const found = peek(buffer, start, end, this.#shape);
    if (found === "more") return undefined;
    return this.#valueFor(found === "none" ? undefined : found);
  }
}

/** keyBytes is the length of field 1 when the message begins with it, it is short, and all of it is there, as in nearly every call; otherwise 0. */
function keyBytes(buffer: Buffer, start: number, end: number): number {
  const at = start + prefixBytes;
  if (end - at < 2 || buffer[start] !== 0 || buffer[at] !== 0x0a) return 0;
  const content = buffer[at + 1]!;
  const length = 2 + content;
  if (content > maxContentBytes || end - at < length) return 0;
  // The message must not end inside the field.
  const whole = (buffer[start + 1]! << 24) | (buffer[start + 2]! << 16) | (buffer[start + 3]! << 8) | buffer[start + 4]!;
  return whole >>> 0 < length ? 0 : length;
}

function same(key: Buffer, buffer: Buffer, at: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== buffer[at + i]) return false;
  return true;
}

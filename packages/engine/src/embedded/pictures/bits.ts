import { Code, type Failure, newError } from "@tfs/std";

export const badJpeg = (why: string): Failure => newError(Code.InvalidArgument, `Invalid JPEG data: ${why}`);

/** Bits reads the entropy-coded bits of a scan, up to a marker. */
export interface Bits {
  bit(): number;
  bits(n: number): number;
  /** extended reads n bits as a signed number (ITU T.81, F.2.2.1). */
  extended(n: number): number;
  /** symbol reads one by a table. */
  symbol(table: Huffman): number;
  /** restart goes past the marker that comes next; false if there is none of the restart markers. */
  restart(): boolean;
  /** end is where the marker after the scan begins. */
  end(): number;
}

/** Huffman is a table as codes of each length go: the first code, its place among the values, and how many there are. */
export interface Huffman {
  readonly first: Int32Array;
  readonly place: Int32Array;
  readonly count: Uint8Array;
  readonly values: Uint8Array;
}

export function newHuffman(count: Uint8Array, values: Uint8Array): Huffman {
  const [first, place] = [new Int32Array(17), new Int32Array(17)];
  let [code, at] = [0, 0];
  for (let length = 1; length <= 16; length++) {
    first[length] = code;
    place[length] = at;
    at += count[length - 1]!;
    code = (code + count[length - 1]!) << 1;
  }
  return { first, place, count, values };
}

/** Where data end early, the missing bits are zeros, for as long as this; then the file is broken. */
const grace = 64;

export function newBits(bytes: Uint8Array, start: number): Bits {
  let at = start;
  let [held, left, beyond] = [0, 0, 0];

  function fill(): void {
    let next = 0;
    if (at < bytes.length && !(bytes[at] === 0xff && bytes[at + 1] !== 0)) {
      next = bytes[at]!;
      at += next === 0xff ? 2 : 1;
    } else if (++beyond > grace) {
      throw badJpeg("a scan ends early");
    }
    held = next;
    left = 8;
  }

  function bit(): number {
    if (left === 0) fill();
    left--;
    return (held >> left) & 1;
  }

  function bits(n: number): number {
    let value = 0;
    for (let i = 0; i < n; i++) value = (value << 1) | bit();
    return value;
  }

  return {
    bit,
    bits,
    extended(n) {
      if (n === 0) return 0;
      const value = bits(n);
      return value < 1 << (n - 1) ? value - (1 << n) + 1 : value;
    },
    symbol({ first, place, count, values }) {
      let code = 0;
      for (let length = 1; length <= 16; length++) {
        code = (code << 1) | bit();
        const offset = code - first[length]!;
        if (offset >= 0 && offset < count[length - 1]!) return values[place[length]! + offset]!;
      }
      throw badJpeg("a code that no table has");
    },
    restart() {
      left = 0;
      beyond = 0;
      while (at + 1 < bytes.length && bytes[at] === 0xff && bytes[at + 1] === 0xff) at++;
      const marker = bytes[at + 1] ?? 0;
      if (bytes[at] !== 0xff || marker < 0xd0 || marker > 0xd7) return false;
      at += 2;
      return true;
    },
    end: () => at,
  };
}

import { Code, newError } from "@tfs/std";
import type { Regexp } from "./regexp.ts";
import type { Steps } from "./steps.ts";

/** Rewrite is what takes a match's place: literal bytes, and numbers of groups. */
interface Rewrite {
  readonly parts: readonly (Uint8Array | number)[];
  readonly groups: number;
  /** broken: a backslash stands before something else than a digit or a backslash. RE2 writes what is before it, and no error. */
  readonly broken: boolean;
}

/** RE2 has places for a match and 16 groups; a rewrite cannot name more than nine. */
export function parseRewrite(bytes: Uint8Array): Rewrite {
  const parts: (Uint8Array | number)[] = [];
  let [from, groups, broken] = [0, 1, false];
  const isDigit = (c: number | undefined): c is number => c !== undefined && c >= 0x30 && c <= 0x39;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 0x5c) continue;
    const c = bytes[++i];
    if (isDigit(c)) groups = Math.max(groups, c - 0x2f); // counted past what is broken, too
    if (broken) continue;
    parts.push(bytes.subarray(from, c === 0x5c ? i : i - 1));
    from = i + 1;
    if (isDigit(c)) parts.push(c - 0x30);
    else if (c !== 0x5c) broken = true;
  }
  if (!broken) parts.push(bytes.subarray(from));
  return { parts: parts.filter((part) => typeof part === "number" || part.length > 0), groups, broken };
}

/** Bounds what one op may write, in bytes. */
export interface Room {
  left: number;
}

/** newReplace gives what replaces the first match, or all, in a text, as RE2's Replace and GlobalReplace do. It gives the text itself where nothing matches. */
export function newReplace(regexp: Regexp, rewrite: Rewrite, global: boolean): (text: Uint8Array, steps: Steps, room: Room) => Uint8Array {
  if (rewrite.groups > regexp.groups + 1 || (!global && rewrite.broken)) return (text) => text;
  return (text, steps, room) => {
    let out = new Uint8Array(0);
    let size = 0;
    const write = (bytes: Uint8Array, from: number, to: number): void => {
      room.left -= to - from;
      if (room.left < 0) throw newError(Code.ResourceExhausted, "the replaced strings take more bytes than a value may have");
      if (size + to - from > out.length) {
        const larger = new Uint8Array(Math.max(text.length, 2 * out.length, size + to - from));
        larger.set(out.subarray(0, size));
        out = larger;
      }
      if (to - from > 32) out.set(bytes.subarray(from, to), size);
      else for (let i = from; i < to; i++) out[size + i - from] = bytes[i]!;
      size += to - from;
    };
    let place = 0;
    let lastEnd = -1;
    while (place <= text.length) {
      const match = regexp.find(text, place, rewrite.groups, steps);
      if (match === undefined) break;
      const [begin, end] = match as readonly [number, number];
      write(text, place, begin);
      if (begin === end && begin === lastEnd) {
        const next = Math.min(text.length, place + characterAt(text, place)); // nothing right after a match is no match
        write(text, place, next);
        if (place === text.length) break;
        place = next;
        continue;
      }
      for (const part of rewrite.parts) {
        if (typeof part !== "number") write(part, 0, part.length);
        else if (match[2 * part]! >= 0) write(text, match[2 * part]!, match[2 * part + 1]!);
      }
      place = end;
      lastEnd = end;
      if (!global) break;
    }
    if (lastEnd < 0) return text;
    write(text, place, text.length);
    return size === out.length ? out : out.slice(0, size);
  };
}

/** characterAt gives how many bytes the character at a place has; 1 where the bytes are no UTF-8. */
function characterAt(text: Uint8Array, place: number): number {
  const lead = text[place] ?? 0;
  const width = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 1;
  let rune = lead & (0xff >> (width + 1));
  for (let i = 1; i < width; i++) {
    const byte = text[place + i] ?? 0;
    if ((byte & 0xc0) !== 0x80) return 1;
    rune = (rune << 6) | (byte & 0x3f);
  }
  return rune < [0, 0, 0x80, 0x800, 0x10000][width]! || rune > 0x10ffff ? 1 : width;
}

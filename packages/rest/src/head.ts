import type { Format } from "./format.ts";
import { blank, word } from "./scan.ts";

/** Head is what a predict body says before its values: nothing behind `at` has been read. */
export interface Head {
  /** signatureName is "" if the body names none. */
  readonly signatureName: string;
  readonly format: Format;
  /** at is where the value of `instances` or `inputs` starts. */
  readonly at: number;
  /** end is the offset of the brace that ends the bytes: a loop over digits or white space stops there at the latest. */
  readonly end: number;
}

/**
 * readHead reads a body of the usual form: an optional `signature_name`, then `instances` or `inputs`. It gives undefined for any other, and where only
 * reading on could tell the signature's name; what it does give is what a full reading gives, if the body is sound.
 */
export function readHead(bytes: Uint8Array): Head | undefined {
  const end = lastBrace(bytes);
  if (end < 0) return undefined;
  let at = blank(bytes, 0);
  if (bytes[at] !== 0x7b) return undefined;
  at = blank(bytes, at + 1);
  let signatureName: string | undefined;
  if (isKey(bytes, at, signatureKey)) {
    at = colon(bytes, at + signatureKey.length);
    const close = plainEnd(bytes, at);
    if (close < 0) return undefined;
    signatureName = word(bytes, at + 1, close);
    at = blank(bytes, close + 1);
    if (bytes[at] !== 0x2c) return undefined;
    at = blank(bytes, at + 1);
  }
  const row = isKey(bytes, at, instancesKey);
  if (!row && !isKey(bytes, at, inputsKey)) return undefined;
  at = colon(bytes, at + (row ? instancesKey.length : inputsKey.length));
  if (at < 0 || (signatureName === undefined && mayName(bytes, at))) return undefined;
  return { signatureName: signatureName ?? "", format: row ? "row" : "columnar", at, end };
}

const encoder = new TextEncoder();
const signatureKey = encoder.encode('"signature_name"');
const instancesKey = encoder.encode('"instances"');
const inputsKey = encoder.encode('"inputs"');

/** keyOf gives a name as it stands in a body, quotes included; undefined if it cannot stand there without an escape. */
export function keyOf(name: string): Uint8Array | undefined {
  return /["\\\x00-\x1f]/.test(name) ? undefined : encoder.encode(`"${name}"`);
}

/** A longer name than this goes the general way. */
const maxName = 256;

function lastBrace(bytes: Uint8Array): number {
  let at = bytes.length - 1;
  while (at >= 0 && isBlank(bytes[at]!)) at--;
  return at >= 0 && bytes[at] === 0x7d ? at : -1;
}

function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

/** isKey tells whether a key stands at an offset, quotes included. */
export function isKey(bytes: Uint8Array, at: number, key: Uint8Array): boolean {
  if (at + key.length > bytes.length) return false;
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false;
  return true;
}

/** colon gives the offset of the value after a key that ends at `from`; -1 if no colon follows. */
function colon(bytes: Uint8Array, from: number): number {
  const at = blank(bytes, from);
  return bytes[at] === 0x3a ? blank(bytes, at + 1) : -1;
}

/** plainEnd gives the offset of the closing quote of a string of printable ASCII without escapes; -1 for anything else. */
function plainEnd(bytes: Uint8Array, from: number): number {
  if (from < 0 || bytes[from] !== 0x22) return -1;
  const limit = Math.min(bytes.length, from + 1 + maxName);
  for (let at = from + 1; at < limit; at++) {
    const c = bytes[at]!;
    if (c === 0x22) return at;
    if (c < 0x20 || c > 0x7e || c === 0x5c) return -1;
  }
  return -1;
}

/** In a short body a loop is done before the platform's search has begun. */
const shortBody = 1024;

function lastQuote(bytes: Uint8Array, from: number): number {
  let at = bytes.length - 1;
  while (at >= from && bytes[at] !== 0x22) at--;
  return at;
}

/** mayName tells whether a `signature_name` could follow: a string that ends so, or an escape, which could spell it. Without quotes there is no string. */
function mayName(bytes: Uint8Array, from: number): boolean {
  let quote = bytes.length <= shortBody ? lastQuote(bytes, from) : bytes.lastIndexOf(0x22);
  if (quote < from) return false;
  if (bytes.indexOf(0x5c, from) >= 0) return true;
  const back = signatureKey.length - 1;
  for (; quote >= from; quote = bytes.lastIndexOf(0x22, quote - 1)) {
    if (bytes[quote - 1] === 0x65 && isKey(bytes, quote - back, signatureKey)) return true;
  }
  return false;
}

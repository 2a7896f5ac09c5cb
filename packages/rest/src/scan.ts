// Reads JSON as TensorFlow Serving's parser (RapidJSON) does, straight from UTF-8 bytes. A first walk checks the syntax and finds where values
// lie; tensors are then read from those ranges without a tree in between. The walk keeps its own stack: depth is bounded only by what its stack may take.
import { Code, type Failure, newError } from "@tfs/std";

/** Range is where a value lies: bytes[start, end). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export type Kind = "Null" | "False" | "True" | "Object" | "Array" | "String" | "Number";

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
export const closeBrace = 0x7d;
const openBracket = 0x5b;
export const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;

/** syntax makes the error text that clients of TensorFlow Serving know, RapidJSON's of version 1.1.0 (error/en.h; offsets: reader.h, with iterative parsing). */
export function syntax(reason: string, offset: number): Failure {
  return newError(Code.InvalidArgument, `JSON Parse error: ${reason} at offset: ${offset}`);
}

/** blank steps over white space. */
export function blank(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const c = bytes[at];
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at;
    at++;
  }
}

/** kindOf tells what value starts at an offset that holds one. */
export function kindOf(bytes: Uint8Array, at: number): Kind {
  switch (bytes[at]) {
    case openBrace:
      return "Object";
    case openBracket:
      return "Array";
    case quote:
      return "String";
    case 0x6e:
      return "Null";
    case 0x74:
      return "True";
    case 0x66:
      return "False";
    default:
      return "Number";
  }
}

/** Containers in each other; what reads them takes memory for each. */
const depthMax = 1_000_000;

/** skip checks one value from its first byte and gives the offset after it. Throws the parser's complaint about the first fault. */
export function skip(bytes: Uint8Array, from: number): number {
  // One entry per open container: true for an object.
  const stack: boolean[] = [];
  let at = from;
  for (;;) {
    // A value starts here.
    const c = bytes[at];
    if (c === openBrace) {
      at = blank(bytes, at + 1);
      if (bytes[at] !== closeBrace) {
        open(stack, true, at);
        at = member(bytes, at);
        continue;
      }
      at++;
    } else if (c === openBracket) {
      at = blank(bytes, at + 1);
      if (bytes[at] !== closeBracket) {
        open(stack, false, at);
        continue;
      }
      at++;
    } else if (c === quote) {
      at = skipString(bytes, at);
    } else {
      at = skipScalar(bytes, at);
    }
    // A value ended: close what it closes, or go on to the next one.
    for (;;) {
      const inObject = stack.at(-1);
      if (inObject === undefined) return at;
      at = blank(bytes, at);
      if (bytes[at] === comma) {
        at = blank(bytes, at + 1);
        if (inObject) at = member(bytes, at);
        break;
      }
      if (bytes[at] !== (inObject ? closeBrace : closeBracket)) {
        throw syntax(inObject ? "Missing a comma or } after an object member." : "Missing a comma or ] after an array element.", at);
      }
      stack.pop();
      at++;
    }
  }
}

function open(stack: boolean[], object: boolean, at: number): void {
  if (stack.push(object) > depthMax) throw syntax(`More than ${depthMax} lists and objects in each other.`, at);
}

/** nameAt reads a member's name. */
export function nameAt(bytes: Uint8Array, at: number): string {
  return text(bytes, { start: at, end: skipString(bytes, at) });
}

/** member steps over `"name" :` and gives the offset of the value. */
export function member(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== quote) throw syntax("Missing a name for object member.", from);
  const at = blank(bytes, skipString(bytes, from));
  if (bytes[at] !== colon) throw syntax("Missing a colon after a name of object member.", at);
  return blank(bytes, at + 1);
}

function skipString(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const c = bytes[at];
    if (c === quote) return at + 1;
    if (c === undefined || c === 0) throw syntax("Missing a closing quotation mark in string.", at);
    if (c < 0x20) throw syntax("Invalid escape character in string.", at);
    at = c === backslash ? skipEscape(bytes, at) : at + 1;
  }
}

/** What may stand behind a backslash, but for u. */
const escapable: readonly number[] = Array.from('"\\/bfnrt', (c) => c.charCodeAt(0));

function skipEscape(bytes: Uint8Array, at: number): number {
  const c = bytes[at + 1];
  if (c !== 0x75) {
    if (c === undefined || !escapable.includes(c)) throw syntax("Invalid escape character in string.", at);
    return at + 2;
  }
  const unit = hex4(bytes, at + 2, at);
  if (unit < 0xd800 || unit > 0xdbff) return at + 6; // the second of a pair may stand alone
  const second = bytes[at + 6] === backslash && bytes[at + 7] === 0x75 ? hex4(bytes, at + 8, at) : 0;
  if (second < 0xdc00 || second > 0xdfff) throw syntax("The surrogate pair in string is invalid.", at);
  return at + 12;
}

/** hex4 reads four hexadecimal digits of the escape that starts at `start`. */
function hex4(bytes: Uint8Array, from: number, start: number): number {
  let value = 0;
  for (let i = from; i < from + 4; i++) {
    const c = bytes[i] ?? 0;
    const letter = c | 0x20;
    const digit = isDigit(c) ? c - 0x30 : letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
    if (digit === undefined) throw syntax("Incorrect hex digit after \\u escape in string.", start);
    value = value * 16 + digit;
  }
  return value;
}

const words = ["null", "true", "false", "NaN", "Infinity", "Inf"];

function skipScalar(bytes: Uint8Array, from: number): number {
  const c = bytes[from];
  const digits = c === minus ? from + 1 : from;
  const first = bytes[digits];
  if (first === undefined || first < 0x30 || first > 0x39) {
    for (const word of words)
      if (matches(bytes, digits, word) && (c !== minus || /^[NI]/.test(word)) && !goesOn(bytes, digits, word)) return digits + word.length;
    throw invalidValue(bytes, digits);
  }
  let at = digits + 1;
  if (first !== 0x30) while (isDigit(bytes[at])) at++;
  if (bytes[at] === 0x2e) {
    if (!isDigit(bytes[at + 1])) throw syntax("Miss fraction part in number.", at + 1);
    at += 2;
    while (isDigit(bytes[at])) at++;
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === minus) at++;
    if (!isDigit(bytes[at])) throw syntax("Miss exponent in number.", at);
    while (isDigit(bytes[at])) at++;
  }
  // Only a long number, or one with an exponent, can be too big.
  if (at - from > 20 && !Number.isFinite(Number(ascii(bytes, from, at)))) throw syntax("Number too big to be stored in double.", from);
  if (at - from > 4 && at - from <= 20 && hasExponent(bytes, from, at) && !Number.isFinite(Number(ascii(bytes, from, at))))
    throw syntax("Number too big to be stored in double.", from);
  return at;
}

/** goesOn tells whether what looks like Inf begins like Infinity, and so has to be that. */
function goesOn(bytes: Uint8Array, from: number, word: string): boolean {
  return word === "Inf" && bytes[from + 3] === 0x69;
}

/** invalidValue complains where the parser stops: behind a sign, and behind what a word has in common with one that it knows. */
function invalidValue(bytes: Uint8Array, from: number): Failure {
  const signed = bytes[from - 1] === minus;
  const word = words.find((w) => w.charCodeAt(0) === bytes[from] && (!signed || /^[NI]/.test(w))) ?? "";
  let at = from;
  for (let i = 0; i < word.length && bytes[at] === word.charCodeAt(i); i++) at++;
  return syntax("Invalid value.", at);
}

function hasExponent(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] === 0x65 || bytes[i] === 0x45) return true;
  return false;
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

function matches(bytes: Uint8Array, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return false;
  return true;
}

/** A string of up to this many bytes is made in one call; a longer one would fill the stack with arguments. */
const maxArguments = 512;

/** ascii makes a string of bytes that are known to be ASCII. */
export function ascii(bytes: Uint8Array, from: number, to: number): string {
  const raw = bytes.subarray(from, to);
  return raw.length <= maxArguments ? String.fromCharCode(...raw) : utf8.decode(raw);
}

/** Words that were read before, by length and last byte: names of signatures and outputs are the same ones again and again. */
const heard: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = new Array(256).fill(undefined);

/** word is ascii for short names: it remembers some. */
export function word(bytes: Uint8Array, from: number, to: number): string {
  const slot = to > from ? ((to - from) * 31 + bytes[to - 1]!) & 0xff : 0;
  const known = heard[slot];
  if (known !== undefined && known.bytes.length === to - from) {
    let i = 0;
    while (i < known.bytes.length && known.bytes[i] === bytes[from + i]) i++;
    if (i === known.bytes.length) return known.text;
  }
  const text = ascii(bytes, from, to);
  heard[slot] = { bytes: new Uint8Array(bytes.subarray(from, to)), text };
  return text;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true }); // else it would drop one at the start of a string
const encoder = new TextEncoder();

/** text reads the string at a range, whose syntax has been checked, as JavaScript text. */
export function text(bytes: Uint8Array, range: Range): string {
  const plain = utf8.decode(bytes.subarray(range.start + 1, range.end - 1));
  return plain.includes("\\") ? (JSON.parse(`"${plain}"`) as string) : plain;
}

/** stringBytes reads a string as the bytes of a string tensor; without escapes they are the body's own, viewed. */
export function stringBytes(bytes: Uint8Array, range: Range): Uint8Array {
  const raw = bytes.subarray(range.start + 1, range.end - 1);
  return raw.includes(backslash) ? encoder.encode(text(bytes, range)) : raw;
}

/** elements visits an array's values, whose syntax has been checked. */
export function* elements(bytes: Uint8Array, range: Range): Generator<Range> {
  let at = blank(bytes, range.start + 1);
  while (bytes[at] !== closeBracket) {
    const end = skip(bytes, at);
    yield { start: at, end };
    at = next(bytes, end);
  }
}

/** next gives, from where an element or member ends, where the one behind it begins, or the bracket that closes them. */
export function next(bytes: Uint8Array, end: number): number {
  const at = blank(bytes, end);
  return bytes[at] === comma ? blank(bytes, at + 1) : at;
}

/** members visits an object's names and values. */
export function* members(bytes: Uint8Array, range: Range): Generator<{ readonly name: string; readonly value: Range }> {
  let at = blank(bytes, range.start + 1);
  while (bytes[at] !== closeBrace) {
    const name = nameAt(bytes, at);
    const start = member(bytes, at);
    const end = skip(bytes, start);
    yield { name, value: { start, end } };
    at = next(bytes, end);
  }
}

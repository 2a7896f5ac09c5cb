// Data plane: decimal numbers -> float32 and float64, straight from the bytes. Exactly what JSON allows, and exactly the values of JSON.parse.
import { ascii } from "./scan.ts";
import { grow, type Sink } from "./sink.ts";

/** Powers of ten that a double holds exactly. */
const powers = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const maxPower = 22;

/** Digits that make an exact double, whatever they are. */
const exactDigits = 15;

/**
 * readNumbers reads numbers separated by commas, up to the first byte that continues neither, and gives its offset: -1 for anything that is not JSON or
 * not of the sink's kind. With a width it goes on from a full list into the next one (`],[`), and every list must be as long; with `one` it
 * reads one number.
 *
 * Four bytes at a time: a word whose bytes are all digits is four more digits; else the first other byte tells how many there are, without a branch
 * on each. Up to 15 digits are an exact double, and one multiplication or division by an exact power of ten rounds it once, so correctly (Clinger, "How to
 * read floating point numbers accurately"). Digits past those are dropped where the float32 of what is left and that of one unit more agree: what
 * lies between them is that float32 too. All else goes through readNumber.
 */
export function readNumbers(bytes: Uint8Array, from: number, sink: Sink, width: number, one: boolean): number {
  const { view, whole, single } = sink;
  const safe = (bytes.length - 4) | 0;
  const unsigned = whole && sink.least === 0;
  let data = sink.data;
  let count = sink.count;
  let left = width;
  let at = from;
  for (;;) {
    const start = at;
    let c = bytes[at]!;
    const negative = c === 0x2d;
    if (negative) c = bytes[++at]!;
    let value = 0;
    let usual = at <= safe && !(negative && unsigned);
    if (usual) {
      let digits = 1;
      let next = bytes[at + 1]!;
      if (next === 0x2e && c >= 0x30 && c <= 0x39) {
        value = c - 0x30;
        at = (at + 1) | 0;
      } else {
        const word = view.getUint32(at, true) ^ 0x30303030;
        digits = leading(word);
        if (digits === 0 || (c === 0x30 && digits > 1)) return -1;
        value = four(word, digits);
        at = (at + digits) | 0;
        next = bytes[at]!;
        if (digits === 4) {
          // Four digits and more before the point.
          if (at > safe) {
            usual = false;
          } else {
            const more = view.getUint32(at, true) ^ 0x30303030;
            const n = leading(more);
            value = value * powers[n]! + four(more, n);
            digits = 4 + n;
            at = (at + n) | 0;
            next = bytes[at]!;
            if (n === 4 && next >= 0x30 && next <= 0x39) usual = false;
          }
        }
      }
      c = next;
      if (usual && (c === 0x2e || (c | 0x20) === 0x65)) {
        if (whole) return -1;
        let scale = 0;
        let dropped = false;
        if (c === 0x2e) {
          at = (at + 1) | 0;
          const point = at;
          if (value === 0) digits = 0;
          for (;;) {
            if (at > safe - 4) {
              usual = false;
              break;
            }
            const word0 = view.getUint32(at, true) ^ 0x30303030;
            const word1 = view.getUint32(at + 4, true) ^ 0x30303030;
            const n0 = leading(word0);
            const n1 = leading(word1) & -(n0 >> 2);
            const n = (n0 + n1) | 0;
            if (dropped) {
              // The digits are settled; only the end is looked for.
            } else if (digits + n <= exactDigits) {
              value = value * powers[n]! + (Math.imul(four(word0, n0), tens[n1]!) + four(word1, n1));
              digits = (digits + n) | 0;
            } else {
              dropped = true;
              scale = (point - at) | 0;
              if (digits + n0 <= exactDigits) {
                value = value * powers[n0]! + four(word0, n0);
                scale = (scale - n0) | 0;
              }
            }
            at = (at + n) | 0;
            c = bytes[at]!;
            if (n !== 8 || c < 0x30 || c > 0x39) break;
          }
          if (usual && at === point) return -1;
          if (!dropped) scale = (point - at) | 0;
        }
        if (usual && (c | 0x20) === 0x65) {
          c = bytes[++at]!;
          const below = c === 0x2d;
          if (below || c === 0x2b) c = bytes[++at]!;
          let d = c - 0x30;
          if (d < 0 || d > 9) return -1;
          let exponent = 0;
          while (d >= 0 && d <= 9) {
            if (exponent < 10_000) exponent = exponent * 10 + d;
            d = (c = bytes[++at]!) - 0x30;
          }
          scale += below ? -exponent : exponent;
        }
        if (scale < -maxPower || scale > maxPower || (dropped && !single)) {
          usual = false;
        } else if (dropped) {
          const more = scale < 0 ? (value + 1) / powers[-scale]! : (value + 1) * powers[scale]!;
          value = scale < 0 ? value / powers[-scale]! : value * powers[scale]!;
          if (Math.fround(value) !== Math.fround(more)) usual = false;
        } else {
          value = scale < 0 ? value / powers[-scale]! : value * powers[scale]!;
        }
      }
      if (negative) value = -value;
    }
    if (!usual) {
      at = readNumber(bytes, start, sink);
      if (at < 0) return -1;
      value = sink.value;
      c = bytes[at]!;
    }
    if (count === data.length) {
      sink.count = count;
      grow(sink, at);
      data = sink.data;
    }
    data[count++] = value;
    if (one) break;
    if (c <= 0x20) c = bytes[(at = pastBlank(bytes, at))]!;
    if (c === 0x2c) {
      if (bytes[++at]! <= 0x20) at = pastBlank(bytes, at);
      left = (left - 1) | 0;
    } else {
      if (c !== 0x5d || left !== 1) break;
      // A list is full: on into the next one, if that follows closely.
      if (bytes[at + 1] !== 0x2c) break;
      const open = bytes[at + 2] === 0x20 ? at + 3 : at + 2;
      if (bytes[open] !== 0x5b) break;
      at = open + 1;
      if (bytes[at]! <= 0x20) at = pastBlank(bytes, at);
      left = width;
    }
  }
  sink.count = count;
  return width > 0 && left !== 1 ? -1 : at;
}

/** readBounded is readNumbers for integers of less than 32 bits that are not to be truncated: it looks at each once more. */
export function readBounded(bytes: Uint8Array, from: number, sink: Sink, width: number, one: boolean): number {
  const first = sink.count;
  const at = readNumbers(bytes, from, sink, width, one);
  const { data, count, least, most } = sink;
  for (let i = first; at >= 0 && i < count; i++) if (data[i]! < least || data[i]! > most) return -1;
  return at;
}

/** Powers of ten as integers. */
const tens = Int32Array.of(1, 10, 100, 1000, 10_000);

/** leading counts the digits at the start of a word, whose bytes had 0x30 taken off: a byte past 9 carries into its highest bit. */
function leading(word: number): number {
  const mark = (word | (word + 0x76767676)) & 0x80808080;
  return (32 - Math.clz32((mark - 1) & ~mark)) >> 3;
}

/** four makes a number of the first n digits of a word, the first in the lowest byte: those behind are pushed out. */
function four(word: number, n: number): number {
  const half = 16 - 4 * n;
  const digits = (word << half) << half;
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) | 0;
  return (Math.imul(pairs & 0xff, 100) + ((pairs >>> 16) & 0xff)) | 0;
}

/** pastBlank gives the offset of the first byte at or behind `from` that is no white space. */
export function pastBlank(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let c = bytes[at]!; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; ) c = bytes[++at]!;
  return at;
}

/** readNumber reads one number of any form into the sink's value and gives the offset after it: -1 if it is no JSON, too big for a double, or not of the sink's kind. */
export function readNumber(bytes: Uint8Array, from: number, sink: Sink): number {
  let at = bytes[from] === 0x2d ? from + 1 : from;
  const start = at;
  while (isDigit(bytes[at]!)) at++;
  if (at === start || (bytes[start] === 0x30 && at > start + 1)) return -1;
  const point = at;
  if (bytes[at] === 0x2e) {
    if (!isDigit(bytes[++at]!)) return -1;
    while (isDigit(bytes[at]!)) at++;
  }
  if ((bytes[at]! | 0x20) === 0x65) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
    if (!isDigit(bytes[at]!)) return -1;
    while (isDigit(bytes[at]!)) at++;
  }
  const value = Number(ascii(bytes, from, at));
  if (sink.whole ? at !== point || value < sink.least || value > sink.most : !Number.isFinite(value)) return -1;
  sink.value = value;
  return at;
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

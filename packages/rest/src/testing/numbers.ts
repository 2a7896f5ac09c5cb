import type { Random } from "./random.ts";

const bits = new DataView(new ArrayBuffer(8));

function anyDouble(r: Random): number {
  bits.setUint32(0, r.word());
  bits.setUint32(4, r.word());
  const v = bits.getFloat64(0);
  return Number.isFinite(v) ? v : 0.5;
}

function anyFloat(r: Random): number {
  bits.setUint32(0, r.word());
  const v = bits.getFloat32(0);
  return Number.isFinite(v) ? v : 1.5;
}

/** between gives the double that lies halfway from a float32 to the next one: where rounding is decided by the last of many digits. */
function between(r: Random): number {
  const word = r.chance(0.2) ? r.below(1 << 23) : r.word() & 0x7fffffff;
  bits.setUint32(0, word);
  const low = bits.getFloat32(0);
  bits.setUint32(0, word + 1);
  const high = bits.getFloat32(0);
  const middle = (low + high) / 2;
  return Number.isFinite(middle) ? (r.chance(0.5) ? middle : -middle) : 0.25;
}

/** nudged changes a number's last digits, or puts a tail behind them: what is a hair above or below. */
function nudged(r: Random, text: string): string {
  const e = text.search(/e/i);
  const mantissa = e < 0 ? text : text.slice(0, e);
  const exponent = e < 0 ? "" : text.slice(e);
  switch (r.below(4)) {
    case 0:
      return mantissa.includes(".") ? `${mantissa}${"0".repeat(r.below(40))}${1 + r.below(9)}${exponent}` : text;
    case 1: {
      const last = mantissa.length - 1;
      const digit = mantissa.charCodeAt(last) - 0x30;
      return digit > 0 && digit <= 9 && last > 1 ? `${mantissa.slice(0, last)}${digit - 1}${"9".repeat(r.below(30))}${exponent}` : text;
    }
    case 2:
      return mantissa.includes(".") ? `${mantissa}${"0".repeat(r.below(60))}${exponent}` : text;
    default:
      return text;
  }
}

function scientific(r: Random): string {
  const sign = r.chance(0.3) ? "-" : "";
  const whole = r.chance(0.3) ? "0" : `${1 + r.below(9)}${r.digits(r.below(r.chance(0.1) ? 40 : 12))}`;
  const fraction = r.chance(0.7) ? `.${r.digits(1 + r.below(r.chance(0.1) ? 60 : 20))}` : "";
  // Not past 1e308 whatever the digits: what is too big is another test's business.
  const exponent = r.chance(0.5) ? `${r.pick(["e", "E"])}${r.pick(["", "+", "-", "-0", "00"])}${r.below(r.chance(0.2) ? 260 : 50)}` : "";
  return sign + whole + fraction + exponent;
}

const edges = [
  0,
  2 ** 24,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e15,
  1e16,
  1e17,
  1e21,
  1e22,
  1e23,
  3.4028234663852886e38,
  3.4028235677973366e38,
  1.1754943508222875e-38,
  1.401298464324817e-45,
  7.006492321624085e-46,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  2.2250738585072014e-308,
];
const zeros = [
  "0",
  "-0",
  "0.0",
  "-0.0",
  "0e0",
  "0E+5",
  "-0e-999",
  "0.000e999",
  `0.${"0".repeat(400)}1`,
  `-0.${"0".repeat(45)}7`,
  "1e-400",
  "-1e-324",
  "5e-324",
  "2e-324",
];

/** anyNumber writes a number that JSON allows and a double holds. */
export function anyNumber(r: Random): string {
  const text = written(r);
  return Number.isFinite(Number(text)) ? text : "1e308"; // rounded up past the largest double
}

function written(r: Random): string {
  switch (r.below(16)) {
    case 0:
      return String(anyDouble(r));
    case 1:
      return anyDouble(r).toPrecision(1 + r.below(25));
    case 2:
      return anyFloat(r).toPrecision(1 + r.below(12));
    case 3:
      return String(anyFloat(r));
    case 4:
      return between(r).toPrecision(r.chance(0.5) ? 100 : 10 + r.below(60));
    case 5:
      return nudged(r, between(r).toPrecision(r.chance(0.5) ? 100 : 10 + r.below(60)));
    case 6:
      return between(r).toExponential(r.below(30));
    case 7:
      return ((r.next() - 0.5) * 10 ** r.below(12)).toFixed(r.below(20));
    case 8: {
      // Around what a type's end, or the end of exactness, is.
      const text = r.pick(edges).toPrecision(17 + r.below(5));
      return r.chance(0.5) ? nudged(r, text) : text;
    }
    case 9:
      return r.pick(zeros);
    case 10:
      return r.chance(0.02) ? `${1 + r.below(9)}${r.digits(r.below(300))}` : String(r.word() * (r.chance(0.5) ? 1 : 2 ** 21));
    case 11:
      return r.chance(0.02) ? `0.${r.digits(400)}` : `${r.below(1000)}.${r.digits(1 + r.below(9))}`;
    case 12:
      return String(r.below(256));
    default:
      return scientific(r);
  }
}

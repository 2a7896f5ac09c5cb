import { double, integer, isInteger } from "./number.ts";
import { blank, closeBrace, closeBracket, kindOf, member, nameAt, next, type Range, skip, text } from "./scan.ts";
import { indent, quotedText } from "./writer.ts";

/** Once a dump has so many bytes, no further token is written: what has begun stays open. */
const maxBytes = 256;

/** A string of more characters is cut, which TensorFlow Serving does not do: an error should not be as long as what was sent. */
const maxString = 4096;

const encoder = new TextEncoder();

/**
 * dump prints a value again for an error text, as RapidJSON's PrettyWriter does for TensorFlow Serving (JsonValueToDebugString in json_tensor.cc): arrays on one line, object
 * members each on a line of their own, four spaces for each container that they are in. What is not finite ends it.
 */
export function dump(bytes: Uint8Array, range: Range): string {
  let out = "";
  let size = 0;
  /** token writes one, with what stands between it and the last one; false if there is no room for it any more. */
  const token = (text: string): boolean => {
    if (size >= maxBytes) return false;
    out += text;
    size += encoder.encode(text).length;
    return true;
  };
  /** value writes the one at an offset and gives the offset behind it, undefined once there is no more room. It reads nothing twice: there may be much behind a bracket. */
  const value = (at: number, before: string, depth: number): number | undefined => {
    switch (kindOf(bytes, at)) {
      case "Array": {
        if (!token(`${before}[`)) return undefined;
        let here = blank(bytes, at + 1);
        for (let between = ""; bytes[here] !== closeBracket; between = ", ") {
          const end = value(here, between, depth + 1);
          if (end === undefined) return undefined;
          here = next(bytes, end);
        }
        return token("]") ? here + 1 : undefined;
      }
      case "Object": {
        if (!token(`${before}{`)) return undefined;
        let here = blank(bytes, at + 1);
        let between = "";
        for (; bytes[here] !== closeBrace; between = ",") {
          if (!token(`${between}\n${indent(depth + 1)}${string(nameAt(bytes, here))}`)) return undefined;
          const end = value(member(bytes, here), ": ", depth + 1);
          if (end === undefined) return undefined;
          here = next(bytes, end);
        }
        return token(between === "" ? "}" : `\n${indent(depth)}}`) ? here + 1 : undefined;
      }
      default: {
        const range = { start: at, end: skip(bytes, at) };
        const printed = scalar(bytes, range);
        return token(before + (printed ?? "")) && printed !== undefined ? range.end : undefined;
      }
    }
  };
  value(range.start, "", 0); // each level prints a byte, so that the walk is at most 256 deep
  return out;
}

/** scalar prints what is no container; undefined for a number that is not finite. */
function scalar(bytes: Uint8Array, at: Range): string | undefined {
  const kind = kindOf(bytes, at.start);
  return kind === "String" ? string(text(bytes, at)) : kind === "Number" ? number(bytes, at) : kind.toLowerCase();
}

function string(value: string): string {
  return quotedText(value.length > maxString ? value.slice(0, maxString) : value);
}

/** number prints as few digits as read back the same; undefined for what is not finite. */
function number(bytes: Uint8Array, at: Range): string | undefined {
  const whole = integer(bytes, at);
  if (isInteger(whole)) return String(whole);
  const v = double(bytes, at);
  if (!Number.isFinite(v)) return undefined;
  if (v === 0) return Object.is(v, -0) ? "-0.0" : "0.0";
  const digits = String(v).replace("e+", "e");
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

import { double, integer, isInteger } from "./number.ts";
import { elements, kindOf, members, type Range, text } from "./scan.ts";
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
  const value = (at: Range, before: string, depth: number): boolean => {
    switch (kindOf(bytes, at.start)) {
      case "Array": {
        if (!token(`${before}[`)) return false;
        let between = "";
        for (const element of elements(bytes, at)) {
          if (!value(element, between, depth + 1)) return false;
          between = ", ";
        }
        return token("]");
      }
      case "Object": {
        if (!token(`${before}{`)) return false;
        let between = "";
        for (const { name, value: member } of members(bytes, at)) {
          if (!token(`${between}\n${indent(depth + 1)}${string(name)}`) || !value(member, ": ", depth + 1)) return false;
          between = ",";
        }
        return token(between === "" ? "}" : `\n${indent(depth)}}`);
      }
      case "String":
        return token(before + string(text(bytes, at)));
      case "Number": {
        const printed = number(bytes, at);
        return token(before + (printed ?? "")) && printed !== undefined;
      }
      default:
        return token(before + kindOf(bytes, at.start).toLowerCase());
    }
  };
  value(range, "", 0); // each level prints a byte, so that the walk is at most 256 deep
  return out;
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

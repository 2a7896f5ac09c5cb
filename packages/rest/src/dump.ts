import { isInteger, integer, double } from "./number.ts";
import { elements, kindOf, members, type Range, text } from "./scan.ts";

/** A dump in an error text stops after this many bytes, wherever that is. */
const maxBytes = 256;

/** dump prints a value again for an error text: arrays on one line, object members each on a line of their own, four spaces deep. */
export function dump(bytes: Uint8Array, range: Range): string {
  const out: string[] = [];
  let size = 0;
  const write = (part: string): boolean => {
    out.push(part);
    size += part.length;
    return size < maxBytes;
  };
  const value = (at: Range, depth: number): boolean => {
    switch (kindOf(bytes, at.start)) {
      case "Array": {
        if (!write("[")) return false;
        let first = true;
        for (const element of elements(bytes, at)) {
          if (!first && !write(", ")) return false;
          first = false;
          if (!value(element, depth)) return false;
        }
        return write("]");
      }
      case "Object": {
        if (!write("{")) return false;
        let first = true;
        for (const { name, value: v } of members(bytes, at)) {
          if (!write(`${first ? "" : ","}\n${"    ".repeat(depth + 1)}${JSON.stringify(name)}: `)) return false;
          first = false;
          if (!value(v, depth + 1)) return false;
        }
        return write(first ? "}" : `\n${"    ".repeat(depth)}}`);
      }
      case "String":
        return write(JSON.stringify(text(bytes, at)));
      case "Number":
        return write(number(bytes, at));
      default:
        return write(kindOf(bytes, at.start).toLowerCase());
    }
  };
  value(range, 0); // each level prints a byte, so that the walk is at most 256 deep
  return out.join("").slice(0, maxBytes);
}

function number(bytes: Uint8Array, at: Range): string {
  const whole = integer(bytes, at);
  if (isInteger(whole)) return String(whole);
  const v = double(bytes, at);
  return Number.isInteger(v) && Math.abs(v) < 1e21 ? `${v}.0` : String(v);
}

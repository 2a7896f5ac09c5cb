// Prints values and the layout of bodies as TensorFlow Serving does.
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, type Tensor } from "@tfs/tensor";
import { integerRanges } from "./integer_range.ts";
import { printDouble, printFloat } from "./number.ts";
import { isSmallFloat, smallFloatPrinter } from "./small_float.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // else it would drop one at the start of a string

/** quoted writes bytes as a JSON string. Bytes that are not UTF-8 become U+FFFD: TensorFlow Serving copies them as they are, which no JSON parser accepts. */
export function quoted(bytes: Uint8Array): string {
  return quotedText(decoder.decode(bytes));
}

export function quotedText(text: string): string {
  return `"${text.replace(/["\\\x00-\x1f]/g, escaped)}"`;
}

const short: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(c: string): string {
  return short[c] ?? `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** base64 writes bytes in the standard alphabet with padding. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

/** printer chooses how one element of a tensor is written. Throws InvalidArgument for a dtype that JSON does not carry. */
export function printer(t: Tensor): (i: number) => string {
  const data = t.data as ArrayLike<number | bigint>;
  if (integerRanges.has(t.dtype)) return (i) => String(data[i]);
  if (isSmallFloat(t.dtype)) {
    const print = smallFloatPrinter(t.dtype, false);
    return (i) => print(data[i] as number);
  }
  switch (t.dtype) {
    case DType.Float:
      return (i) => printFloat(data[i] as number);
    case DType.Double:
      return (i) => printDouble(data[i] as number);
    case DType.Int64:
    case DType.UInt64:
      return (i) => String(data[i]);
    case DType.Bool:
      return (i) => (data[i] === 0 ? "false" : "true");
    case DType.String:
      return (i) => quoted((t.data as readonly Uint8Array[])[i]!);
    default:
      throw newError(Code.InvalidArgument, `Failed to write JSON value for tensor type: ${dtypeName(t.dtype)}`);
  }
}

/** indent is four spaces a level. */
export function indent(depth: number): string {
  return "    ".repeat(depth);
}

import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import type { DescMessage, MessageShape, Registry } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { Code, messageOf, newError } from "@tfs/std";
import { faultAt, strayBytesAt } from "./fault.ts";
import { anyTypes } from "./types.ts";

/** readTextProto reads a message in text format from a file. Throws NotFound or InvalidArgument in TensorFlow Serving's words, with where and what is wrong. */
export async function readTextProto<D extends DescMessage>(schema: D, path: string): Promise<MessageShape<D>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === "ENOENT") throw newError(Code.NotFound, `${path}; No such file or directory`, err);
    throw newError(Code.FailedPrecondition, `${path}; ${messageOf(err)}`, err);
  }
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const stray = isUtf8(bytes) ? undefined : strayBytesAt(text);
  if (stray !== undefined) throw malformed(schema, path, stray, "not UTF-8");
  return parseTextProto(schema, text, path);
}

/** parseTextProto reads text that came from a file of that name. */
export function parseTextProto<D extends DescMessage>(schema: D, text: string, path: string): MessageShape<D> {
  try {
    return fromText(schema, text, optionsFor(text));
  } catch (err) {
    throw malformed(schema, path, faultAt(text, faultIn(schema)), messageOf(err), err);
  }
}

/** optionsFor gives the types that an Any may hold to a text that may have one: it names its type as `[HOST/TYPE]`. */
function optionsFor(text: string): { readonly registry?: Registry } {
  return /\[\s*[\w.-]+\s*\//.test(text) ? { registry: anyTypes() } : {};
}

/** faultIn gives what the parser says of a text; undefined if it has nothing to say. */
function faultIn(schema: DescMessage): (text: string) => string | undefined {
  return (text) => {
    try {
      fromText(schema, text, optionsFor(text));
      return undefined;
    } catch (err) {
      return messageOf(err);
    }
  };
}

/** malformed has the path as TensorFlow Serving's error does, and behind it the line that the protobuf library writes to standard error there. */
function malformed(schema: DescMessage, path: string, at: string, what: string, cause?: unknown): Error {
  return newError(Code.InvalidArgument, `Invalid protobuf file: '${path}': Error parsing text-format ${schema.typeName}: ${at}: ${what}`, cause);
}

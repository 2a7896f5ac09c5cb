import { Code, newError } from "@tfs/std";

/** encodeText makes one padded piece of a grpc-web-text body; pieces may follow one another. */
export function encodeText(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"), "latin1");
}

/** TextDecoder reads a grpc-web-text body: padded pieces of base64, one behind the other, cut anywhere. */
export interface TextDecoder {
  /** push gives the bytes of whatever is complete. Throws InvalidArgument for anything but base64. */
  push(chunk: Uint8Array): Uint8Array;
  /** end throws InvalidArgument if a group of four is not complete. */
  end(): void;
}

/** newTextDecoder keeps at most three characters. */
export function newTextDecoder(): TextDecoder {
  let kept = ""; // less than a group of four
  return {
    push(chunk) {
      const text = kept + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
      const whole = text.length - (text.length % 4);
      kept = text.slice(whole);
      return decode(text, whole);
    },
    end() {
      if (kept !== "") throw newError(Code.InvalidArgument, "the body ends inside a group of base64");
    },
  };
}

/** decode reads text[0, whole), which is groups of four; each piece ends at the first group that is padded. */
function decode(text: string, whole: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let start = 0;
  while (start < whole) {
    const padding = text.indexOf("=", start);
    const end = padding < 0 || padding >= whole ? whole : padding - (padding % 4) + 4;
    parts.push(decodePiece(text.slice(start, end)));
    start = end;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function decodePiece(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw newError(Code.InvalidArgument, "the body is not base64");
  return Buffer.from(text, "base64");
}

// Data plane: one pass over the bytes, no copy of a message that arrives in one piece.
import { Code, carve, newError } from "@tfs/std";

/** The flag byte and four bytes of length in front of each message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const prefixBytes = 5;

/** Message is one length-prefixed message; `bytes` may view what was pushed. */
export interface Message {
  readonly compressed: boolean;
  readonly bytes: Uint8Array;
}

/** Deframer cuts a byte stream into messages. */
export interface Deframer {
  /** push takes the next bytes, which it may keep, and gives the messages they complete. Throws Internal for a bad flag, ResourceExhausted past the limit. */
  push(chunk: Uint8Array): readonly Message[];
  /** end throws Internal if the stream stops inside a message. */
  end(): void;
}

/** frameMessage puts the prefix before a message; the result is a copy. */
export function frameMessage(bytes: Uint8Array, compressed = false): Uint8Array {
  const framed = carve(Uint8Array, prefixBytes + bytes.length);
  putPrefix(framed, bytes.length, compressed);
  framed.set(bytes, prefixBytes);
  return framed;
}

/** messagePrefix is what stands before a message of that length. */
export function messagePrefix(length: number, compressed: boolean): Uint8Array {
  const prefix = new Uint8Array(prefixBytes);
  putPrefix(prefix, length, compressed);
  return prefix;
}

function putPrefix(bytes: Uint8Array, length: number, compressed: boolean): void {
  bytes[0] = compressed ? 1 : 0;
  bytes[1] = length >>> 24;
  bytes[2] = length >>> 16;
  bytes[3] = length >>> 8;
  bytes[4] = length;
}

/** newDeframer refuses a message of more than maxMessageBytes when its prefix has come, before any of it is stored. */
export function newDeframer({ maxMessageBytes }: { readonly maxMessageBytes: number }): Deframer {
  let kept: Uint8Array[] = []; // received, not yet part of a message
  let keptBytes = 0;
  let wantBytes = prefixBytes; // a prefix, or a prefix and its message
  return {
    push(chunk) {
      if (chunk.length > 0) kept.push(chunk);
      keptBytes += chunk.length;
      if (keptBytes < wantBytes) return [];
      const messages: Message[] = [];
      let bytes = kept.length === 1 ? kept[0]! : Buffer.concat(kept, keptBytes);
      while (bytes.length >= prefixBytes) {
        wantBytes = prefixBytes + messageLength(bytes, 0, maxMessageBytes);
        if (bytes.length < wantBytes) break;
        messages.push({ compressed: bytes[0] === 1, bytes: bytes.subarray(prefixBytes, wantBytes) });
        bytes = bytes.subarray(wantBytes);
        wantBytes = prefixBytes;
      }
      kept = bytes.length === 0 ? [] : [bytes];
      keptBytes = bytes.length;
      return messages;
    },
    end() {
      if (keptBytes > 0) throw newError(Code.Internal, `stream ended inside a message: ${keptBytes} of ${wantBytes} bytes came`);
    },
  };
}

/** messageLength reads the prefix at an offset. Throws Internal for a bad flag, ResourceExhausted past the limit. */
export function messageLength(bytes: Uint8Array, at: number, maxMessageBytes: number): number {
  if (bytes[at]! > 1) throw newError(Code.Internal, `invalid message flags ${bytes[at]}, expected 0 or 1`);
  const length = ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
  if (length > maxMessageBytes) throw newError(Code.ResourceExhausted, `message of ${length} bytes is larger than the limit of ${maxMessageBytes}`);
  return length;
}

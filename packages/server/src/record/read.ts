import { type FileHandle, open } from "node:fs/promises";
import { crc32c, maskCrc } from "@tfs/savedmodel";
import { Code, type Ctx, type Failure, newError, throwIfDone } from "@tfs/std";
import { footerBytes, headerBytes } from "./frame.ts";

export interface ReadOptions {
  /** maxBytes bounds one record's data; default 1 GiB. */
  readonly maxBytes?: number;
}

const defaultMaxBytes = 2 ** 30;
/** Read at a time; a record may be longer. */
const chunkBytes = 64 << 10;

/**
 * readRecords gives a file's records one after the other; who takes one owns it. It holds no more than one record and a chunk. Throws DataLoss, with the file and
 * the record's number (the first is 1), for one that is cut off or whose checksums are wrong, ResourceExhausted for one that is too long, and what the file
 * system throws for a file that is not there.
 */
export async function* readRecords(ctx: Ctx, path: string, { maxBytes = defaultMaxBytes }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
  const file = await open(path, "r");
  try {
    const bytes = newBytes(file);
    for (let record = 1; ; record++) {
      throwIfDone(ctx);
      const header = await bytes.take(headerBytes);
      if (header.byteLength === 0) return;
      const bad = (what: string): Failure => newError(Code.DataLoss, `record ${record} of ${path} ${what}`);
      if (header.byteLength < headerBytes) throw bad("is cut off in its length");
      const length = view(header).getBigUint64(0, true);
      if (view(header).getUint32(8, true) !== maskCrc(crc32c(header.subarray(0, 8)))) throw bad("is corrupt: the checksum of its length does not match");
      if (length > BigInt(maxBytes)) throw newError(Code.ResourceExhausted, `record ${record} of ${path} has ${length} bytes, more than ${maxBytes}`);
      const wanted = Number(length) + footerBytes;
      // What a length promises is not reserved before the file is known to have it.
      if (wanted > chunkBytes && (await bytes.left()) < wanted) throw bad("is cut off in its data");
      const body = await bytes.take(wanted);
      if (body.byteLength < wanted) throw bad("is cut off in its data");
      const data = body.subarray(0, Number(length));
      if (view(body).getUint32(Number(length), true) !== maskCrc(crc32c(data))) throw bad("is corrupt: the checksum of its data does not match");
      yield data;
    }
  } finally {
    await file.close();
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes is a file read from its beginning. */
interface Bytes {
  /** take gives the next bytes, in memory of their own, fewer only at the end of the file. */
  take(count: number): Promise<Uint8Array>;
  /** left is how many there are to take yet. */
  left(): Promise<number>;
}

function newBytes(file: FileHandle): Bytes {
  const chunk = new Uint8Array(chunkBytes);
  let ready = chunk.subarray(0, 0);
  let at = 0; // in the file, where `ready` ends
  const read = async (into: Uint8Array): Promise<number> => {
    const { bytesRead } = await file.read(into, 0, into.byteLength, at);
    at += bytesRead;
    return bytesRead;
  };
  return {
    async take(count) {
      const taken = new Uint8Array(count);
      let filled = 0;
      while (filled < count) {
        if (ready.byteLength > 0) {
          const next = ready.subarray(0, count - filled);
          taken.set(next, filled);
          ready = ready.subarray(next.byteLength);
          filled += next.byteLength;
          continue;
        }
        const direct = count - filled >= chunkBytes;
        const got = await read(direct ? taken.subarray(filled) : chunk);
        if (got === 0) break;
        if (direct) filled += got;
        else ready = chunk.subarray(0, got);
      }
      return taken.subarray(0, filled);
    },
    left: async () => (await file.stat()).size - at + ready.byteLength,
  };
}

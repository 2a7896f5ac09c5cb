import { promisify } from "node:util";
import { gzip } from "node:zlib";

const deflate = promisify(gzip);

/** A body shorter than this is sent as it is: the coding's own bytes, and the time, cost more than they save. */
const leastBytes = 1024;
/** Bodies that are compressed at a time; the next one is sent as it is. What is compressed lies in memory twice. */
const maxAtOnce = 8;
/** The fastest level: numbers as text shrink to a third or so at any of them. */
const level = 1;

/** Compressor shrinks bodies of answers. */
export interface Compressor {
  /** gzipped gives a body in gzip's coding; undefined if it is to be sent as it is. */
  gzipped(body: Uint8Array): Promise<Uint8Array | undefined>;
}

/** newCompressor makes what all answers of a server share. */
export function newCompressor(): Compressor {
  let running = 0;
  return {
    async gzipped(body) {
      if (body.length < leastBytes || running >= maxAtOnce) return undefined;
      running++;
      try {
        return await deflate(body, { level });
      } finally {
        running--;
      }
    },
  };
}

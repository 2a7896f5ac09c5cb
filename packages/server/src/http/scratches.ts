import { newScratch, type Scratch } from "@tfs/rest";

/** Scratches is memory for the tensors of requests, which goes from one to the next: allocated for each, that of large ones would cost a collection of all garbage every few dozen. */
export interface Scratches {
  take(): Scratch;
  /** give takes one back; nothing may read what was read into it any more. */
  give(scratch: Scratch): void;
}

const maxKept = 8;
const maxBytesEach = 4 << 20;

/** newScratches begins with none. It keeps at most 8 of up to 4 MiB. */
export function newScratches(): Scratches {
  const kept: Scratch[] = [];
  return {
    take: () => kept.pop() ?? newScratch(),
    give(scratch) {
      const { floats, doubles, words } = scratch;
      const bytes = (floats?.byteLength ?? 0) + (doubles?.byteLength ?? 0) + (words?.byteLength ?? 0);
      if (bytes <= maxBytesEach && kept.length < maxKept) kept.push(scratch);
    },
  };
}

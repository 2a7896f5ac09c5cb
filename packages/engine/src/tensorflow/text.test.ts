import assert from "node:assert/strict";
import { test } from "node:test";
import { openLibc } from "../native/index.ts";
import { elementBytes, readStrings } from "./text.ts";

const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7) & 0xff);

/** Each row's words are an element as TensorFlow's header of strings lays it out, 64 bits each, with what it points at behind it. */
const rows: { readonly name: string; readonly want: Uint8Array; readonly words: (behind: bigint) => readonly bigint[] }[] = [
  { name: "an empty one", want: bytes(0), words: () => [0n, 0n, 0n] },
  { name: "a small one", want: Uint8Array.of(1, 2), words: () => [0x02_01_08n, 0n, 0n] },
  {
    name: "a small one at its most",
    want: new Uint8Array(22).fill(9),
    words: () => [0x09_09_09_09_09_09_09_58n, 0x09_09_09_09_09_09_09_09n, 0x09_09_09_09_09_09_09n],
  },
  { name: "a large one, by size, capacity and pointer", want: bytes(1000), words: (behind) => [(1000n << 2n) | 1n, 4096n, behind] },
  { name: "a large one that is empty", want: bytes(0), words: () => [1n, 0n, 0n] },
  { name: "an offset, from the element on", want: bytes(300), words: () => [(BigInt(elementBytes) << 32n) | (300n << 2n) | 2n, 0n, 0n] },
  { name: "a view, by size and pointer", want: bytes(40), words: (behind) => [(40n << 2n) | 3n, behind, 0n] },
];
for (const { name, want, words } of rows)
  test(`a string is read from TensorFlow's memory: ${name}`, async () => {
    const libc = await openLibc();
    const at = libc.malloc(elementBytes + want.length);
    libc.copyIn(at, new Uint8Array(BigUint64Array.from(words(at + BigInt(elementBytes))).buffer));
    libc.copyIn(at + BigInt(elementBytes), want);
    const got = readStrings(libc, at, 1);
    libc.free(at);
    assert.deepEqual(got, [want]);
  });

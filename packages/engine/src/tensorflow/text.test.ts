import assert from "node:assert/strict";
import { test } from "node:test";
import { openLibc } from "../native/index.ts";
import { elementBytes, readStrings } from "./text.ts";

const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7) & 0xff);

/** Each row lays out one element as TensorFlow's header of strings says, with what it points at `behind` it. */
const rows: { readonly name: string; readonly want: Uint8Array; readonly fill: (element: DataView, behind: bigint) => void }[] = [
  { name: "an empty one", want: bytes(0), fill: (e) => e.setUint8(0, 0) },
  { name: "a small one at its most", want: bytes(22), fill: (e) => (e.setUint8(0, 22 << 2), bytes(22).forEach((b, i) => e.setUint8(1 + i, b))) },
  {
    name: "a large one, by size, capacity and pointer",
    want: bytes(1000),
    fill: (e, behind) => (e.setBigUint64(0, (1000n << 2n) | 1n, true), e.setBigUint64(8, 4096n, true), e.setBigUint64(16, behind, true)),
  },
  { name: "a large one that is empty", want: bytes(0), fill: (e) => e.setBigUint64(0, 1n, true) },
  { name: "an offset, from the element on", want: bytes(300), fill: (e) => (e.setUint32(0, (300 << 2) | 2, true), e.setUint32(4, elementBytes, true)) },
  { name: "a view, by size and pointer", want: bytes(40), fill: (e, behind) => (e.setBigUint64(0, (40n << 2n) | 3n, true), e.setBigUint64(8, behind, true)) },
];
for (const { name, want, fill } of rows)
  test(`a string is read from TensorFlow's memory: ${name}`, async () => {
    const libc = await openLibc();
    const at = libc.malloc(elementBytes + want.length);
    const element = new DataView(new ArrayBuffer(elementBytes));
    fill(element, at + BigInt(elementBytes));
    libc.copyIn(at, new Uint8Array(element.buffer));
    libc.copyIn(at + BigInt(elementBytes), want);
    const got = readStrings(libc, at, 1);
    libc.free(at);
    assert.deepEqual(got, [want]);
  });

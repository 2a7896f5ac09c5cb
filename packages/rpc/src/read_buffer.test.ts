import assert from "node:assert/strict";
import { test } from "node:test";
import { newReadBuffer, type ReadBuffer } from "./read_buffer.ts";

const KiB = 1024;
/** read fills a buffer with so many bytes, or all that it has room for. */
const read = (buffer: ReadBuffer, bytes: number): number => {
  const { length } = buffer.next();
  buffer.took(Math.min(bytes, length));
  return length;
};

const rows: readonly { readonly name: string; readonly reads: readonly number[]; readonly sizes: readonly number[] }[] = [
  { name: "stays small for small reads", reads: [100, KiB - 1, 100], sizes: [1, 1, 1] },
  { name: "grows by each read that fills it, up to 256 KiB", reads: Array.from({ length: 7 }, () => 1e9), sizes: [1, 4, 16, 64, 256, 256, 256] },
  {
    name: "shrinks after 64 small reads in a row",
    reads: [1e9, ...Array.from({ length: 65 }, () => 10)],
    sizes: [1, ...Array.from({ length: 64 }, () => 4), 1],
  },
  {
    name: "does not shrink while one in so many is large",
    reads: [1e9, ...Array.from({ length: 200 }, (_, i) => (i % 50 === 0 ? 2 * KiB : 10))],
    sizes: [1, ...Array.from({ length: 200 }, () => 4)],
  },
];
for (const tc of rows) {
  test(`read buffer: it ${tc.name}`, () => {
    const buffer = newReadBuffer();
    assert.deepEqual(
      tc.reads.map((bytes) => read(buffer, bytes)),
      tc.sizes.map((size) => size * KiB),
    );
    buffer.close();
  });
}

test("read buffer: all together grow by 64 MiB and no more, and by as much again when others are gone", () => {
  const largest = (): number => {
    let bytes = 0;
    for (const buffer of buffers) for (let i = 0; i < 6; i++) bytes = read(buffer, 1e9);
    return bytes;
  };
  const buffers = Array.from({ length: 400 }, newReadBuffer);
  assert.equal(largest(), KiB);
  const sizes = buffers.map((buffer) => buffer.next().length);
  assert.equal(sizes[0], 256 * KiB);
  assert.ok(sizes.reduce((sum, size) => sum + size - KiB, 0) <= 64 << 20);
  for (const buffer of buffers.splice(0, 300)) buffer.close();
  assert.equal(largest(), 256 * KiB);
  for (const buffer of buffers) buffer.close();
});

test("read buffer: one that somebody still refers to is not read into", () => {
  const buffer = newReadBuffer();
  const first = buffer.next();
  assert.equal(buffer.part(), first);
  assert.notEqual(buffer.next(), first);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import fc from "fast-check";
import { fieldsOf } from "../fields.ts";
import { encodeText, newTextDecoder, webTrailers } from "./index.ts";

test("web: trailers are a frame of lines", () => {
  const bytes = Buffer.from(webTrailers(fieldsOf(["grpc-status", "5"], ["grpc-message", "a%20b"], ["x", "1"], ["x", "2"])));
  const text = "grpc-status: 5\r\ngrpc-message: a%20b\r\nx: 1\r\nx: 2\r\n";
  assert.deepEqual([bytes[0], bytes.readUInt32BE(1), bytes.subarray(5).toString()], [0x80, text.length, text]);
});
test("web: a value that would begin another line does not get out", () => {
  assert.equal(
    Buffer.from(webTrailers(fieldsOf(["a", "1\r\ngrpc-status: 0"], ["b", "2"])))
      .subarray(5)
      .toString(),
    "b: 2\r\n",
  );
});

const texts = [
  { name: "one piece without padding", chunks: ["AAEC"], want: [0, 1, 2] },
  { name: "padded pieces behind one another", chunks: ["AAA=AA==AAEC"], want: [0, 0, 0, 0, 1, 2] },
  { name: "a group cut in four", chunks: ["A", "A", "E", "C"], want: [0, 1, 2] },
  { name: "padding cut in two", chunks: ["AA=", "=AAEC"], want: [0, 0, 1, 2] },
  { name: "nothing", chunks: [""], want: [] },
];
for (const tc of texts) {
  test(`web: text of ${tc.name}`, () => {
    const decoder = newTextDecoder();
    const got = Buffer.concat(tc.chunks.map((chunk) => decoder.push(Buffer.from(chunk))));
    decoder.end();
    assert.deepEqual([...got], tc.want);
  });
}
for (const text of ["A\n==", "====", "A===", "AA=A", "AA-_", "....", "\xff\xff\xff\xff"]) {
  test(`web: ${JSON.stringify(text)} is refused`, () =>
    assert.throws(() => newTextDecoder().push(Buffer.from(text, "latin1")), { code: Code.InvalidArgument }));
}
test("web: a body that ends inside a group is refused", () => {
  const decoder = newTextDecoder();
  decoder.push(Buffer.from("AAECA"));
  assert.throws(() => decoder.end(), { code: Code.InvalidArgument });
});

test("web: whatever is written in pieces and cut anywhere is read again", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }), fc.array(fc.nat(200), { maxLength: 8 }), (pieces, cuts) => {
      const text = Buffer.concat(pieces.map(encodeText));
      const decoder = newTextDecoder();
      const got: Uint8Array[] = [];
      let at = 0;
      for (const cut of [...cuts.filter((n) => n < text.length).sort((a, b) => a - b), text.length]) {
        got.push(decoder.push(text.subarray(at, cut)));
        at = cut;
      }
      decoder.end();
      assert.deepEqual(Buffer.concat(got), Buffer.concat(pieces));
    }),
  );
});

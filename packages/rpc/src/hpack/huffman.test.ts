import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeHuffman } from "./huffman.ts";
import { codeLengths, huffmanCodes } from "./huffman_code.ts";
import { huffmanOf } from "./testing/index.ts";

const decode = (hex: string): string | undefined => {
  const bytes = Buffer.from(`ee${hex}ee`, "hex");
  return decodeHuffman(bytes, 1, bytes.length - 1);
};

test("the code leaves nothing over: 257 symbols fill it", () => {
  assert.equal(codeLengths.length, 257);
  assert.equal(
    codeLengths.reduce((sum, length) => sum + 2 ** -length, 0),
    1,
  );
});

// From RFC 7541, appendix B: the first and the last of each length up to 15, and some of the rest.
for (const [symbol, bits] of [
  ["0", "00000"],
  ["t", "01001"],
  [" ", "010100"],
  ["u", "101101"],
  [":", "1011100"],
  ["z", "1111011"],
  ["&", "11111000"],
  ["Z", "11111101"],
  ["!", "1111111000"],
  [")", "1111111011"],
  ["'", "11111111010"],
  ["|", "11111111100"],
  ["#", "111111111010"],
  [">", "111111111011"],
  ["\0", "1111111111000"],
  ["~", "1111111111101"],
  ["^", "11111111111100"],
  ["}", "11111111111101"],
  ["<", "111111111111100"],
  ["{", "111111111111110"],
  ["\\", "1111111111111110000"],
  ["\x80", "11111111111111100110"],
  ["\t", "111111111111111111101010"],
  ["\xff", "11111111111111111111101110"],
  ["\x7f", "1111111111111111111111111100"],
  ["\n", "111111111111111111111111111100"],
  ["\x16", "111111111111111111111111111110"],
] as const)
  test(`${JSON.stringify(symbol)} is ${bits}`, () => {
    const code = huffmanCodes().find((c) => c.symbol === symbol.charCodeAt(0))!;
    assert.equal(code.bits.toString(2).padStart(code.length, "0"), bits);
  });

test("every byte comes back, at every place in a byte", () => {
  for (let symbol = 0; symbol < 256; symbol++) {
    for (const before of ["", "0", "00", "000", "0000", "00000", "000000", "0000000"]) {
      const text = `${before}${String.fromCharCode(symbol)}a`;
      assert.equal(decode(huffmanOf(text).toString("hex")), text);
    }
  }
});

test("any text comes back, also one longer than what is kept for the purpose", () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array).toString("latin1"));
  fc.assert(
    fc.property(bytes, (text) => assert.equal(decode(huffmanOf(text).toString("hex")), text)),
    { numRuns: 500 },
  );
  const long = "0123456789aeiost".repeat(4096);
  assert.equal(decode(huffmanOf(long).toString("hex")), long);
});

for (const { name, hex, want } of [
  { name: "nothing is the empty text", hex: "", want: "" },
  { name: "0 and three ones of padding", hex: "07", want: "0" },
  { name: "padding with a zero in it is refused", hex: "06", want: undefined },
  { name: "padding of zeros is refused", hex: "00", want: undefined },
  { name: "seven ones of padding are allowed", hex: "002e7f", want: "00:" },
  { name: "eight ones are refused", hex: "f8ff", want: undefined },
  { name: "a byte of nothing but padding is refused", hex: "ff", want: undefined },
  { name: "a code without its end is refused", hex: "fffffff8", want: undefined },
  { name: "EOS is refused", hex: "ffffffff", want: undefined },
  { name: "EOS in the middle is refused", hex: "ffffffff07", want: undefined },
])
  test(name, () => assert.equal(decode(hex), want));

import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOf } from "@tfs/rpc";
import { newRequestIds } from "./ids.ts";

const given: readonly { readonly id: string | undefined; readonly taken: boolean }[] = [
  { id: "a", taken: true },
  { id: "0af7651916cd43dd8448eb211c80319c", taken: true },
  { id: "Root=1-67891233-abcdef012345678912345678", taken: true },
  { id: "x".repeat(128), taken: true },
  { id: "x".repeat(129), taken: false },
  { id: "", taken: false },
  { id: "a b", taken: false },
  { id: "a\tb", taken: false },
  { id: '"><script>', taken: false },
  { id: "ü", taken: false },
  { id: undefined, taken: false },
];
for (const tc of given) {
  test(`request ids: ${JSON.stringify(tc.id?.slice(0, 40))} is ${tc.taken ? "taken" : "not taken"}`, () => {
    const ids = newRequestIds(() => 0.5);
    const { name, value } = ids.of(fieldsOf([":path", "/"], ...(tc.id === undefined ? [] : [["x-request-id", tc.id] as const])));
    assert.deepEqual([name, value], ["x-request-id", tc.taken ? tc.id : "iiiiiiiiii-0"]);
  });
}

test("request ids: each new one is another, in one process and in two", () => {
  const none = fieldsOf([":path", "/"]);
  const [a, b] = [newRequestIds(Math.random), newRequestIds(Math.random)];
  const made = new Set(Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? a : b).of(none).value));
  assert.equal(made.size, 1000);
});

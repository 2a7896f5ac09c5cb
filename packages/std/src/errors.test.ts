import assert from "node:assert/strict";
import { test } from "node:test";
import { as, Code, codeName, codeOf, failureOf, is, isFailure, messageOf, newError, toCode, toFailure, unreachable } from "./index.ts";

const root = new TypeError("x is undefined");
const inner = newError(Code.NotFound, "no version 3", root);
const outer = newError(Code.Unavailable, "cannot load", inner);
const plain = new Error("while polling", { cause: inner });
const loop = new Error("a");
loop.cause = loop;

const codes: { name: string; err: unknown; want: Code }[] = [
  { name: "a failure has its own code", err: inner, want: Code.NotFound },
  { name: "the outermost code wins", err: outer, want: Code.Unavailable },
  { name: "a code is found through a plain error", err: plain, want: Code.NotFound },
  { name: "an error without any code is Unknown", err: root, want: Code.Unknown },
  { name: "a thrown string is Unknown", err: "oh", want: Code.Unknown },
  { name: "undefined is Unknown", err: undefined, want: Code.Unknown },
  { name: "a cause that leads back to itself ends", err: loop, want: Code.Unknown },
];
for (const tc of codes) test(`codeOf: ${tc.name}`, () => assert.equal(codeOf(tc.err), tc.want));

test("as finds the first link of a type", () => {
  assert.equal(as(outer, TypeError), root);
  assert.equal(as(outer, RangeError), undefined);
});

test("is finds a sentinel by identity, anywhere in the chain", () => {
  assert.equal(is(outer, root), true);
  assert.equal(is(outer, new TypeError("x is undefined")), false);
});

test("a failure is an Error that reads like a status", () => {
  assert.ok(inner instanceof Error);
  assert.equal(String(inner), "NOT_FOUND: no version 3");
  assert.equal(inner.cause, root);
  assert.deepEqual(inner.details, []);
  assert.equal(Object.hasOwn(newError(Code.Internal, "x"), "cause"), false);
});

test("a failure of another copy of this package is recognised", () => {
  const twin = Object.assign(new Error("far away"), { name: "Failure", code: Code.Aborted, details: [] });
  assert.equal(isFailure(twin), true);
  assert.equal(codeOf(twin), Code.Aborted);
});

test("an error with only a code, as Node's have, is no failure", () => {
  assert.equal(isFailure(Object.assign(new Error("refused"), { code: "ECONNREFUSED" })), false);
});

test("toFailure keeps the outermost failure and hides everything else", () => {
  assert.equal(toFailure(plain), inner);
  const hidden = toFailure(new Error("/etc/secret is missing"));
  assert.equal(hidden.code, Code.Internal);
  assert.equal(hidden.message, "internal error");
  assert.equal((hidden.cause as Error).message, "/etc/secret is missing");
});

test("failureOf gives nothing where there is no failure", () => assert.equal(failureOf(new Error("x")), undefined));
test("messageOf reads whatever was thrown", () => assert.deepEqual([messageOf(inner), messageOf("oh"), messageOf(7)], ["no version 3", "oh", "7"]));
test("unreachable throws", () => assert.throws(() => unreachable("x" as never), /unreachable: x/));

const numbers: { name: string; n: number; code: Code; text: string }[] = [
  { name: "0 is OK", n: 0, code: Code.Ok, text: "OK" },
  { name: "1 has two l's, as gRPC spells it", n: 1, code: Code.Canceled, text: "CANCELLED" },
  { name: "16 is the last", n: 16, code: Code.Unauthenticated, text: "UNAUTHENTICATED" },
  { name: "17 is Unknown", n: 17, code: Code.Unknown, text: "CODE(17)" },
  { name: "a negative number is Unknown", n: -1, code: Code.Unknown, text: "CODE(-1)" },
  { name: "a fraction is Unknown", n: 1.5, code: Code.Unknown, text: "CODE(1.5)" },
];
for (const tc of numbers) {
  test(`code numbers: ${tc.name}`, () => {
    assert.equal(toCode(tc.n), tc.code);
    assert.equal(codeName(tc.n), tc.text);
  });
}
test("every code has a name", () => {
  for (const code of Object.values(Code)) assert.match(codeName(code), /^[A-Z_]+$/);
});

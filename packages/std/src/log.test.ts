import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, discard, type Fields, type LoggerOptions, newError, newLogger } from "./index.ts";
import { fakeClock } from "./testing/index.ts";

/** lines runs `use` with a logger and gives what it wrote. */
function lines(options: Partial<LoggerOptions>, use: (log: ReturnType<typeof newLogger>) => void): string[] {
  const written: string[] = [];
  use(newLogger({ write: (line) => written.push(line), clock: fakeClock(4), ...options }));
  return written;
}

const cyclic: Record<string, unknown> = { n: 1 };
cyclic["self"] = cyclic;
const causeLoop = newError(Code.Internal, "a");
causeLoop.cause = causeLoop;
const bug = new TypeError("boom");
bug.stack = "TypeError: boom\n    at f (file.ts:1:2)\n    at g (file.ts:3:4)";

const values: { name: string; value: unknown; text: string; json: unknown }[] = [
  { name: "a plain word stands bare", value: "m", text: "m", json: "m" },
  { name: "a text with spaces is quoted", value: "a b", text: '"a b"', json: "a b" },
  { name: "an equals sign is quoted: it could pass for a field", value: "x=1", text: '"x=1"', json: "x=1" },
  { name: "a quote is escaped", value: 'a"b', text: '"a\\"b"', json: 'a"b' },
  { name: "a newline cannot start a line of its own", value: "a\nERROR b", text: '"a\\nERROR b"', json: "a\nERROR b" },
  { name: "an escape sequence does not reach the terminal", value: "\x1b[2J", text: '"\\u001b[2J"', json: "\x1b[2J" },
  { name: "nor does a C1 control", value: "\x9b2J", text: '"\\u009b2J"', json: "\x9b2J" },
  { name: "an empty text is visible", value: "", text: '""', json: "" },
  { name: "a number", value: 1.5, text: "1.5", json: 1.5 },
  { name: "not a number", value: Number.NaN, text: "NaN", json: "NaN" },
  { name: "a bigint", value: 2n ** 60n, text: "1152921504606846976", json: "1152921504606846976" },
  { name: "undefined", value: undefined, text: "null", json: null },
  { name: "a function does not break the line", value: Math.max, text: '"function max() { [native code] }"', json: "function max() { [native code] }" },
  { name: "a bigint inside an object", value: { v: [1n] }, text: '{"v":["1"]}', json: { v: ["1"] } },
  {
    name: "an object that holds itself",
    value: cyclic,
    text: '{"n":1,"self":{"n":1,"self":{"n":1,"self":"…"}}}',
    json: { n: 1, self: { n: 1, self: { n: 1, self: "…" } } },
  },
  { name: "bytes say how many", value: new Uint8Array(3), text: '"3 bytes"', json: "3 bytes" },
  { name: "a date", value: new Date(0), text: "1970-01-01T00:00:00.000Z", json: "1970-01-01T00:00:00.000Z" },
  { name: "a failure has code and message", value: newError(Code.NotFound, "no m"), text: '"NOT_FOUND: no m"', json: "NOT_FOUND: no m" },
  {
    name: "a failure shows its causes, a bug where it happened",
    value: newError(Code.Internal, "x", bug),
    text: '"INTERNAL: x; cause: TypeError: boom (at f (file.ts:1:2))"',
    json: "INTERNAL: x; cause: TypeError: boom (at f (file.ts:1:2))",
  },
];
for (const tc of values) {
  test(`log values: ${tc.name}`, () => {
    const fields: Fields = { key: tc.value };
    assert.deepEqual(
      lines({}, (log) => log.info("event", fields)),
      [`2026-01-01T00:00:00.004Z INFO event key=${tc.text}`],
    );
    const [line = ""] = lines({ format: "json" }, (log) => log.info("event", fields));
    assert.deepEqual(JSON.parse(line), { time: "2026-01-01T00:00:00.004Z", level: "info", event: "event", key: tc.json });
  });
}

test("a cause that leads back to itself ends", () => {
  const [line = ""] = lines({}, (log) => log.error("event", { err: causeLoop }));
  assert.equal(line.split("INTERNAL: a").length - 1, 9);
});

test("a stranger's megabyte is cut", () => {
  const [line = ""] = lines({}, (log) => log.info("event", { model: "m".repeat(1_000_000) }));
  assert.ok(line.length < 5000);
  assert.match(line, /m… \(1000000 chars\)/);
});

const levels = [
  { level: "debug", want: ["DEBUG a", "INFO b", "WARN c", "ERROR d"] },
  { level: "info", want: ["INFO b", "WARN c", "ERROR d"] },
  { level: "warn", want: ["WARN c", "ERROR d"] },
  { level: "error", want: ["ERROR d"] },
] as const;
for (const tc of levels) {
  test(`at level ${tc.level} less than ${tc.level} is dropped`, () => {
    const got = lines({ level: tc.level }, (log) => {
      log.debug("a");
      log.info("b");
      log.warn("c");
      log.error("d");
    });
    assert.deepEqual(
      got.map((line) => line.slice(25)),
      tc.want,
    );
  });
}

test("with adds fields to every line; later ones win", () => {
  const got = lines({}, (log) => {
    const child = log.with({ model: "m", n: 1 });
    child.info("a", { n: 2 });
    log.info("b");
  });
  assert.deepEqual(
    got.map((line) => line.slice(25)),
    ["INFO a model=m n=2", "INFO b"],
  );
});

test("a field cannot pass for the line's own time, level or event", () => {
  const [line = ""] = lines({ format: "json" }, (log) => log.warn("real", { event: "forged", level: "debug" }));
  const got = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([got["event"], got["level"], got["event_"], got["level_"]], ["real", "warn", "forged", "debug"]);
});

test("discard takes anything", () => discard().with({ a: 1 }).error("event", { err: causeLoop }));

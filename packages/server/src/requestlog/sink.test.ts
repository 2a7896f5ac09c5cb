// Records on their way into real files, with a clock that stands still.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { newLogger } from "@tfs/std";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import { scratch } from "../testing/index.ts";
import type { Collector, LogRecord } from "./collector.ts";
import { type FilesOptions, newFiles } from "./files.ts";
import type { Format } from "./formats.ts";
import { newRoom, type Room } from "./room.ts";
import { newSink } from "./sink.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const utf8 = new TextEncoder();
/** lines is a format that a test can read: each record is a line. */
const lines: Format = { extension: "txt", maxRecordBytes: 1000, batchBytes: 100, encode: ({ pieces }) => Buffer.concat([...pieces, utf8.encode("\n")]) };
const record = (text: string): LogRecord => ({ model: "m", pieces: [utf8.encode(text.slice(0, 1)), utf8.encode(text.slice(1))], sizeBytes: text.length });

interface Open {
  readonly sink: Collector;
  readonly clock: FakeClock;
  readonly lost: string[];
  readonly said: string[];
  readonly folder: string;
  /** files gives the text of each file, the oldest first. */
  files(): string[];
  /** settled waits until everything that was collected is written or lost, and an old file is closed. */
  settled(): Promise<void>;
}
let folders = 0;
interface OpenOptions extends Partial<FilesOptions> {
  readonly format?: Format;
  readonly roomBytes?: number;
}
function open({ format = lines, roomBytes = 1 << 20, ...options }: OpenOptions = {}): Open {
  const inner = newRoom(roomBytes);
  let waiting = 0;
  const room: Room = {
    take: (sizeBytes) => {
      const taken = inner.take(sizeBytes);
      if (taken) waiting++;
      return taken;
    },
    give: (sizeBytes) => {
      waiting--;
      inner.give(sizeBytes);
    },
  };
  const clock = fakeClock();
  const [lost, said]: [string[], string[]] = [[], []];
  const logger = newLogger({ write: (line) => void said.push(line), clock });
  const folder = join(dir.path, `log${folders++}`);
  const prefix = options.prefix ?? join(folder, "deep/er");
  const files = newFiles({ prefix, extension: format.extension, clock, logger, ...options });
  const sink = newSink({ files, format, room, lost: (r, why) => void lost.push(`${Buffer.concat(r.pieces)}: ${why}`), logger });
  const at = dirname(prefix);
  return {
    sink,
    clock,
    lost,
    said,
    folder: at,
    files: () =>
      readdirSync(at)
        .sort()
        .map((name) => readFileSync(join(at, name), "utf8")),
    settled: async () => {
      const started = performance.now();
      while (waiting > 0 || files.isOld) {
        assert.ok(performance.now() - started < 20_000, "it does not settle");
        await setImmediate();
      }
    },
  };
}

test("records are in one file, in order, whose name tells when it began", async () => {
  const { sink, files, folder } = open();
  assert.deepEqual(
    ["a", "bb", "ccc"].map((text) => sink.collect(record(text))),
    [true, true, true],
  );
  await sink.close();
  assert.deepEqual(files(), ["a\nbb\nccc\n"]);
  assert.deepEqual(readdirSync(folder), ["er-20260101T000000.000Z-000001.txt"]);
});
test("nothing collected is no file", async () => {
  const { sink, folder } = open();
  await sink.close();
  assert.throws(() => readdirSync(folder), { code: "ENOENT" });
});
test("a file is followed by another before a record that does not fit, and one that fits nowhere is alone", async () => {
  const { sink, files } = open({ fileBytes: 10 });
  for (const text of ["123", "456", "7", "long long record", "8", "9"]) sink.collect(record(text)); // each is a byte longer in the file
  await sink.close();
  assert.deepEqual(files(), ["123\n456\n7\n", "long long record\n", "8\n9\n"]);
});
test("a file is closed when it is old, though nothing comes", async () => {
  const { sink, clock, files, settled, folder } = open({ fileMs: 1000 });
  sink.collect(record("a"));
  await settled();
  await clock.advance(999);
  sink.collect(record("b"));
  await settled();
  await clock.advance(1);
  await settled();
  assert.equal(clock.pending, 0);
  sink.collect(record("c"));
  await sink.close();
  assert.deepEqual(files(), ["a\nb\n", "c\n"]);
  assert.deepEqual(readdirSync(folder).sort(), ["er-20260101T000000.000Z-000001.txt", "er-20260101T000001.000Z-000002.txt"]);
  assert.equal(clock.pending, 0);
});
test("the oldest files go when there are too many, and what others put there stays", async () => {
  const { sink, files, folder, said } = open({ fileBytes: 2, files: 3 });
  mkdirSync(folder, { recursive: true });
  for (const other of ["er-20260101T000000.000Z-000001.json", "other-20260101T000000.000Z-000001.txt", "er-1.txt"]) writeFileSync(join(folder, other), "x");
  for (const text of ["a", "b", "c", "d", "e"]) sink.collect(record(text));
  await sink.close();
  assert.deepEqual(files().sort(), ["c\n", "d\n", "e\n", "x", "x", "x"]);
  assert.equal(said.filter((line) => line.includes("an old request log is removed")).length, 2);
});
test("the oldest files go when all have too many bytes, the newest counted as it may become", async () => {
  const { sink, folder } = open({ fileBytes: 10, totalBytes: 30 });
  for (let i = 0; i < 100; i++) sink.collect(record("four"));
  await sink.close();
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  assert.deepEqual(sizes, [10, 10, 10]);
});
test("a file may not be larger than all together", async () => {
  const { sink, files } = open({ fileBytes: 100, totalBytes: 6 });
  for (const text of ["12", "34", "56"]) sink.collect(record(text));
  await sink.close();
  assert.deepEqual(files(), ["56\n"]);
});
test("files that were there before count too, and are not written to", async () => {
  const first = open({ fileBytes: 2 });
  first.sink.collect(record("a"));
  await first.sink.close();
  const { sink, files } = open({ prefix: join(first.folder, "er") });
  sink.collect(record("b"));
  await sink.close();
  assert.deepEqual(files(), ["a\n", "b\n"]);
});
test("a clock that is set back does not mix up the order of files", async () => {
  let wall = Date.UTC(2026, 0, 2);
  const clock = { ...fakeClock(), wallMs: () => wall };
  const { sink, files, folder, settled } = open({ fileBytes: 2, clock });
  sink.collect(record("a"));
  await settled();
  wall -= 86_400_000;
  sink.collect(record("b"));
  await sink.close();
  assert.deepEqual(files(), ["a\n", "b\n"]);
  assert.equal(new Set(readdirSync(folder).map((name) => name.slice(0, 22))).size, 1);
});

test("what has no room is lost, and told; room comes back when records are written", async () => {
  const { sink, lost, files, settled } = open({ roomBytes: 2 * (512 + 3) });
  assert.deepEqual(
    ["one", "two", "six"].map((text) => sink.collect(record(text))),
    [true, true, false],
  );
  await settled();
  assert.equal(sink.collect(record("ten")), true);
  await sink.close();
  assert.deepEqual([lost, files()], [["six: queue full"], ["one\ntwo\nten\n"]]);
});
test("a record that is too large for the format is lost, and told", async () => {
  const { sink, lost } = open({ format: { ...lines, maxRecordBytes: 3 } });
  assert.deepEqual(
    ["one", "four"].map((text) => sink.collect(record(text))),
    [true, false],
  );
  await sink.close();
  assert.deepEqual(lost, ["four: record too large"]);
});
test("a record that cannot be written as the format wants is lost, and its neighbours are not", async () => {
  const encode = (r: LogRecord): Uint8Array => {
    if (r.sizeBytes === 3) throw new Error("three");
    return lines.encode(r);
  };
  const { sink, lost, files } = open({ format: { ...lines, encode } });
  for (const text of ["1", "333", "22"]) sink.collect(record(text));
  await sink.close();
  assert.deepEqual([lost, files()], [["333: record unreadable"], ["1\n22\n"]]);
});
test("what comes after the end is lost, and told", async () => {
  const { sink, lost } = open();
  await sink.close();
  assert.equal(sink.collect(record("late")), false);
  assert.deepEqual(lost, ["late: log closed"]);
});
test("records are lost while writing fails, which is said once; room comes back, and with it the log when writing succeeds", async () => {
  const folder = join(dir.path, "blocked");
  writeFileSync(folder, "a file, and no folder");
  const { sink, files, lost, said, settled } = open({ prefix: join(folder, "log"), roomBytes: 515 });
  for (const text of ["one", "two", "six", "ten"]) {
    assert.equal(sink.collect(record(text)), true);
    await settled();
  }
  rmSync(folder);
  sink.collect(record("new"));
  await sink.close();
  assert.deepEqual(files(), ["new\n"]);
  assert.deepEqual(
    lost,
    ["one", "two", "six", "ten"].map((text) => `${text}: write failed`),
  );
  assert.equal(said.filter((line) => line.includes("records are lost until writing succeeds")).length, 1);
});
for (const prefix of ["/proc/tfs/log", "/dev/fd/log"])
  test(`where no folder can be made (${prefix}), records are lost, which is said`, {
    skip: !existsSync("/proc/self/fd") && "needs Linux's /proc",
  }, async () => {
    const { sink, lost, said } = open({ prefix });
    sink.collect(record("one"));
    await sink.close();
    assert.deepEqual(lost, ["one: write failed"]);
    assert.match(said.join("\n"), /records are lost until writing succeeds.*ENOENT/);
  });

const cleaners: readonly { readonly name: string; readonly clean: (path: string) => void; readonly left: readonly string[] }[] = [
  { name: "removed", clean: (path) => rmSync(path), left: ["c\nd\n"] },
  { name: "removed with its folder", clean: (path) => rmSync(dirname(path), { recursive: true }), left: ["c\nd\n"] },
  { name: "moved away", clean: (path) => renameSync(path, join(dirname(path), "old")), left: ["c\nd\n", "a\nb\n"] },
  {
    name: "replaced",
    clean: (path) => {
      writeFileSync(`${path}.new`, "other");
      renameSync(`${path}.new`, path);
    },
    left: ["other", "c\nd\n"],
  },
];
for (const { name, clean, left } of cleaners)
  test(`an open file that is ${name} is followed by another within a second`, { skip: process.platform === "win32" && "open files stay there" }, async () => {
    const { sink, clock, files, settled, folder, said, lost } = open();
    sink.collect(record("a"));
    await settled();
    clean(join(folder, readdirSync(folder)[0]!));
    await clock.advance(999);
    sink.collect(record("b"));
    await settled();
    await clock.advance(1);
    sink.collect(record("c"));
    await settled();
    await clock.advance(1000);
    sink.collect(record("d"));
    await sink.close();
    assert.deepEqual([files(), lost], [left, []]);
    assert.equal(said.filter((line) => line.includes("was removed or moved away")).length, 1);
    assert.equal(clock.pending, 0);
  });
test("a record is encoded after the turn in which it was collected", async () => {
  let encoded = 0;
  const encode = (r: LogRecord): Uint8Array => {
    encoded++;
    return lines.encode(r);
  };
  const { sink } = open({ format: { ...lines, encode } });
  sink.collect(record("a"));
  assert.equal(encoded, 0);
  await sink.close();
  assert.equal(encoded, 1);
});
test("others have their turn between two batches", async () => {
  const { sink } = open({ format: { ...lines, batchBytes: 10 } });
  let turns = 0;
  let ended = false;
  const turning = (async () => {
    for (; !ended; turns++) await setImmediate();
  })();
  for (let i = 0; i < 20; i++) sink.collect(record("1234567890"));
  await sink.close();
  ended = true;
  await turning;
  assert.ok(turns >= 19, `${turns} turns`);
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { background, Code, codeOf, withCancel } from "@tfs/std";
import { newRandom, scratch } from "../testing/index.ts";
import { framed, readRecords, type ReadOptions, writeRecords } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const ctx = background();
const utf8 = new TextEncoder();

/** read gives all records of a file, and how it ended. */
async function read(path: string, options?: ReadOptions): Promise<{ records: Uint8Array[]; failure: unknown }> {
  const records: Uint8Array[] = [];
  try {
    for await (const record of readRecords(ctx, path, options)) records.push(record);
  } catch (err) {
    return { records, failure: err };
  }
  return { records, failure: undefined };
}

let files = 0;
function put(bytes: Uint8Array): string {
  const path = join(dir.path, `file${files++}`);
  writeFileSync(path, bytes);
  return path;
}

const random = newRandom(7);
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(random() * 256));

for (const lengths of [[], [0], [1, 0, 2], [65_536 - 16, 65_536, 65_537], [65_536 - 5, 3], [300_000, 1, 300_000]]) {
  test(`records of ${lengths.join(", ") || "no"} bytes come back as they were written`, async () => {
    const records = lengths.map(bytesOf);
    const path = join(dir.path, `written${files++}`);
    await writeRecords(path, records);
    const got = await read(path);
    assert.equal(got.failure, undefined);
    assert.deepEqual(
      got.records.map((r) => Buffer.from(r)),
      records.map((r) => Buffer.from(r)),
    );
  });
}

// Written by TensorFlow 2.21's tf.io.TFRecordWriter: b"abc", then b"".
const upstream = "0300000000000000b099490e6162636e57f121000000000000000029039807d8ea82a2";
test("a record in pieces is framed as a whole one is", () => {
  const whole = Buffer.concat(framed([utf8.encode("abcdef")]));
  assert.deepEqual(Buffer.concat(framed([utf8.encode("ab"), utf8.encode(""), utf8.encode("cdef")])), whole);
});
test("the bytes are TensorFlow's", () => assert.equal(Buffer.concat([...framed([utf8.encode("abc")]), ...framed([])]).toString("hex"), upstream));

const two = Buffer.concat([...framed([utf8.encode("one")]), ...framed([utf8.encode("second")])]);
/** huge is a sound header that promises more than anybody has. */
const huge = Buffer.concat(framed([new Uint8Array(100_000)])).subarray(0, 200);
const flipped = (at: number): Buffer => {
  const bytes = Buffer.from(two);
  bytes[at]! ^= 1;
  return bytes;
};
const damaged: readonly {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly good: number;
  readonly text: string;
  readonly options?: ReadOptions;
  readonly code?: Code;
}[] = [
  { name: "a length that is cut off", bytes: two.subarray(0, 19 + 5), good: 1, text: "record 2 of FILE is cut off in its length" },
  { name: "data that is cut off", bytes: two.subarray(0, two.length - 5), good: 1, text: "record 2 of FILE is cut off in its data" },
  { name: "a checksum that is cut off", bytes: two.subarray(0, two.length - 1), good: 1, text: "record 2 of FILE is cut off in its data" },
  { name: "a long record that is cut off", bytes: huge, good: 0, text: "record 1 of FILE is cut off in its data" },
  { name: "another length", bytes: flipped(0), good: 0, text: "record 1 of FILE is corrupt: the checksum of its length does not match" },
  { name: "another checksum of a length", bytes: flipped(19 + 9), good: 1, text: "record 2 of FILE is corrupt: the checksum of its length does not match" },
  { name: "other data", bytes: flipped(13), good: 0, text: "record 1 of FILE is corrupt: the checksum of its data does not match" },
  { name: "another checksum of data", bytes: flipped(two.length - 1), good: 1, text: "record 2 of FILE is corrupt: the checksum of its data does not match" },
  { name: "text", bytes: utf8.encode("this is no file of records"), good: 0, text: "record 1 of FILE is corrupt: the checksum of its length does not match" },
  {
    name: "a record that is longer than is taken",
    bytes: two,
    good: 1,
    options: { maxBytes: 5 },
    code: Code.ResourceExhausted,
    text: "record 2 of FILE has 6 bytes, more than 5",
  },
];
for (const tc of damaged) {
  test(`reading names the file and the record: ${tc.name}`, async () => {
    const path = put(tc.bytes);
    const { records, failure } = await read(path, tc.options);
    assert.equal(records.length, tc.good);
    assert.equal((failure as Error).message, tc.text.replace("FILE", path));
    assert.equal(codeOf(failure), tc.code ?? Code.DataLoss);
  });
}
test("whatever bit is flipped, no record is read that was not written", async () => {
  for (let bit = 0; bit < two.length * 8; bit++) {
    const bytes = Buffer.from(two);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const { records, failure } = await read(put(bytes));
    assert.equal(codeOf(failure), Code.DataLoss);
    for (const record of records) assert.equal(Buffer.from(record).toString(), "one");
  }
});

test("a reader that is told to stop stops between records", async () => {
  using life = withCancel(ctx);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const record of readRecords(life, put(two))) {
      seen.push(Buffer.from(record).toString());
      life.cancel();
    }
  })();
  await assert.rejects(reading, { code: Code.Canceled });
  assert.deepEqual(seen, ["one"]);
});
test("a writer that fails leaves the file as it was, and nothing beside it", async () => {
  const folder = join(dir.copy("half_plus_two/1", "w/1"), "1");
  const path = join(folder, "records");
  await writeRecords(path, [utf8.encode("old")]);
  const before = readdirSync(folder);
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield utf8.encode("new");
    throw new Error("no more");
  };
  await assert.rejects(writeRecords(path, failing()), /no more/);
  assert.deepEqual(readdirSync(folder), before);
  assert.ok(readFileSync(path).includes("old"));
});

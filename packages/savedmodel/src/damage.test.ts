// What damage is said to be: file, key and offset, by the kind of damage. savedmodel.test.ts does it at random.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  AssetFileDefSchema,
  type BundleEntryProto,
  BundleEntryProtoSchema,
  BundleHeaderProtoSchema,
  SavedModelSchema,
  type TensorShapeProto,
  TensorShapeProtoSchema,
} from "@tfs/proto";
import { background, Code, isFailure } from "@tfs/std";
import { openBundle, openSavedModel } from "./index.ts";
import { readTable } from "./table.ts";
import { type Block, plain, snappy, writeTable } from "./testing/index.ts";

const models = fileURLToPath(new URL("../../../testdata/models/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tfs-damage-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const ctx = background();

/** A model with a tensor in two slices, strings, and two shards. */
const sharded = join(models, "sharded/1/variables");
const [index, first, second] = ["variables.index", "variables.data-00000-of-00002", "variables.data-00001-of-00002"];

/** rewrite gives the index other entries, under right checksums. */
function rewrite(edit: (entries: Map<string, Uint8Array>) => void, block: Block = plain): (dir: string) => void {
  return (dir) => {
    const file = join(dir, index);
    const entries = new Map<string, Uint8Array>();
    for (const { key, value } of readTable(readFileSync(file), file, (bytes) => bytes)) entries.set(Buffer.from(key).toString("latin1"), value);
    edit(entries);
    writeFileSync(
      file,
      writeTable(
        [...entries].map(([key, value]) => [Buffer.from(key, "latin1"), value] as const),
        block,
      ),
    );
  };
}

const shape = (...sizes: bigint[]): TensorShapeProto => create(TensorShapeProtoSchema, { dim: sizes.map((size) => ({ size })) });
/** entry changes what the index says of one key. */
const entry = (key: string, change: (old: BundleEntryProto) => Partial<BundleEntryProto>): ((dir: string) => void) =>
  rewrite((entries) => {
    const old = fromBinary(BundleEntryProtoSchema, entries.get(key)!);
    entries.set(key, toBinary(BundleEntryProtoSchema, { ...old, ...change(old) }));
  });
const header = (change: MessageInitShape<typeof BundleHeaderProtoSchema>): ((dir: string) => void) =>
  rewrite((entries) => void entries.set("", toBinary(BundleHeaderProtoSchema, create(BundleHeaderProtoSchema, change))));

/** flip changes one bit of a file; a negative place counts from its end. */
const flip =
  (name: string, place: number): ((dir: string) => void) =>
  (dir) => {
    const bytes = readFileSync(join(dir, name));
    bytes[place < 0 ? bytes.length + place : place]! ^= 1;
    writeFileSync(join(dir, name), bytes);
  };
const cut =
  (name: string, size: number): ((dir: string) => void) =>
  (dir) =>
    truncateSync(join(dir, name), size);
const partKey = [...readTable(readFileSync(join(sharded, index)), index, (bytes) => bytes)]
  .map(({ key }) => Buffer.from(key).toString("latin1"))
  .find((key) => key.startsWith("\0"))!;

const rows: { readonly name: string; readonly damage: (dir: string) => void; readonly text: string; readonly code?: Code }[] = [
  // The index as a file.
  { name: "an index of 30 bytes", damage: cut(index, 30), text: `${index}: 30 bytes are too few for a table at offset 0` },
  { name: "an index that is cut by one byte", damage: cut(index, 260), text: `${index}: no table magic at offset 252` },
  { name: "one bit of the magic", damage: flip(index, -1), text: `${index}: no table magic at offset 253` },
  { name: "one bit of a block", damage: flip(index, 20), text: `${index}: a block whose checksum does not match at offset 0` },
  { name: "one bit of the footer", damage: flip(index, -45), text: `${index}: ` },
  {
    name: "a compression that is unknown",
    damage: rewrite(() => {}, { ...plain, type: 7 }),
    text: `${index}: unknown block compression 7 at offset `,
  },
  {
    name: "a snappy block that is none",
    damage: rewrite(() => {}, { ...snappy, pack: (bytes) => bytes }),
    text: `${index}: a snappy block that does not decompress at offset `,
  },
  { name: "an index without a header", damage: rewrite((e) => void e.delete("")), text: `${index}: there is no header under the empty key` },
  { name: "a header of no shards", damage: header({ numShards: 0 }), text: `${index}: the header claims 0 shards` },
  { name: "a header of a million shards", damage: header({ numShards: 1_000_000 }), text: `${index}: the header claims 1000000 shards` },
  {
    name: "a checkpoint of a big-endian machine",
    damage: header({ numShards: 2, endianness: 1 }),
    code: Code.Unimplemented,
    text: `${index}: big-endian checkpoints are not read`,
  },
  {
    name: "an entry that is no message",
    damage: rewrite((e) => void e.set("bias", Uint8Array.of(0x0a))),
    text: `${index}: key bias: an entry that cannot be parsed, in the block at offset 0`,
  },
  // What the index says of a key.
  {
    name: "a dtype that nothing can be read as",
    damage: entry("bias", () => ({ dtype: 21 })),
    text: `${index}: key bias (shard 1, offset 0): dtype 21 cannot be read`,
  },
  {
    name: "a negative dimension",
    damage: entry("bias", () => ({ shape: shape(-4n) })),
    text: `${index}: key bias (shard 1, offset 0): shape [-4] has the dimension -4`,
  },
  {
    name: "fewer bytes than the shape takes",
    damage: entry("bias", () => ({ size: 12n })),
    text: `${index}: key bias (shard 1, offset 0): 12 bytes for 4 elements of float, which take 16`,
  },
  {
    name: "fewer bytes than there are strings",
    damage: entry("labels", () => ({ size: 4n })),
    text: `${index}: key labels (shard 1, offset 16): 4 bytes for 5 strings`,
  },
  { name: "a shard that is not there", damage: entry("bias", () => ({ shardId: 2 })), text: `${index}: key bias (shard 2, offset 0): there are 2 shards` },
  {
    name: "a slice that is not in the index",
    damage: rewrite((e) => void e.delete(partKey)),
    text: `${index}: key table (shard 0, offset 0): slice 0,3:0,4 is not in the index`,
  },
  {
    name: "a slice of another size than its place",
    damage: entry(partKey, () => ({ shape: shape(4n, 4n) })),
    text: `${index}: key table (shard 0, offset 0): slice 0,3:0,4 does not fit the shape`,
  },
  {
    name: "slices that leave a hole",
    damage: entry("table", ({ slices }) => ({ slices: slices.slice(0, 1) })),
    text: `${index}: key table (shard 0, offset 0): slices hold 12 of 20 elements`,
  },
  {
    name: "slices that lie over each other, and would leave zeros elsewhere",
    damage: entry("table", ({ slices }) => ({ slices: [slices[0]!, slices[0]!] })),
    text: `${index}: key table (shard 0, offset 0): slices 0,3:0,4 and 0,3:0,4 overlap`,
  },
  {
    name: "a slice of another dtype",
    damage: entry(partKey, () => ({ dtype: 3 })),
    text: `${index}: key table (shard 0, offset 0): a slice of int32 in a tensor of float`,
  },
  // The data that it points at.
  { name: "one bit of a slice", damage: flip(first, 50), text: `${first}: key ·table` },
  { name: "one bit of a tensor", damage: flip(second, 3), text: `${second}: key bias: checksum mismatch at offset 0` },
  { name: "one bit of a string", damage: flip(second, -1), text: `${second}: key labels: checksum mismatch at offset 16` },
  { name: "one bit of a string's length", damage: flip(second, 16), text: `${second}: key labels: checksum mismatch of string lengths at offset 16` },
  {
    name: "data of zeros",
    damage: (dir) => writeFileSync(join(dir, second), new Uint8Array(44)),
    text: `${second}: key bias: checksum mismatch at offset 0`,
  },
  { name: "a shard that is cut off", damage: cut(second, 43), text: `${second}: key labels: 28 bytes at offset 16 run past the end (43)` },
  { name: "a shard that is empty", damage: cut(second, 0), text: `${second}: key bias: 16 bytes at offset 0 run past the end (0)` },
  {
    name: "a shard that is missing",
    damage: (dir) => rmSync(join(dir, second)),
    code: Code.NotFound,
    text: `${second}: the data of key bias is missing`,
  },
];
for (const tc of rows) {
  test(`damage: ${tc.name} is told with file, key and offset`, async () => {
    const dir = mkdtempSync(join(scratch, "b-"));
    cpSync(sharded, dir, { recursive: true });
    tc.damage(dir);
    const read = async (): Promise<void> => {
      await using bundle = await openBundle(ctx, join(dir, "variables"));
      for (const key of bundle.keys) await bundle.read(ctx, key);
    };
    await assert.rejects(read, (err) => {
      assert.ok(isFailure(err), String(err));
      assert.equal(err.code, tc.code ?? Code.DataLoss, err.message);
      assert.ok(err.message.startsWith(`${dir}/${tc.text}`), `got  ${err.message.slice(dir.length + 1)}\nwant ${tc.text}`);
      return true;
    });
  });
}
for (const [name, block] of Object.entries({ plain, snappy })) {
  test(`an index of ${name} blocks is read`, async () => {
    const dir = mkdtempSync(join(scratch, "t-"));
    cpSync(sharded, dir, { recursive: true });
    rewrite(() => {}, block)(dir);
    await using whole = await openBundle(ctx, join(sharded, "variables"));
    await using again = await openBundle(ctx, join(dir, "variables"));
    assert.deepEqual(again.keys, whole.keys);
    for (const key of whole.keys) assert.deepEqual(await again.read(ctx, key), await whole.read(ctx, key));
  });
}

test("an asset that an old export packs as no message is DataLoss", async () => {
  const dir = mkdtempSync(join(scratch, "a-"));
  const asset = (value: Uint8Array): Uint8Array =>
    toBinary(
      SavedModelSchema,
      create(SavedModelSchema, {
        metaGraphs: [
          {
            metaInfoDef: { tags: ["serve"] },
            collectionDef: { saved_model_assets: { kind: { case: "anyList", value: { value: [{ typeUrl: "x/tensorflow.AssetFileDef", value }] } } } },
          },
        ],
      }),
    );
  const good = toBinary(AssetFileDefSchema, create(AssetFileDefSchema, { filename: "f", tensorInfo: { encoding: { case: "name", value: "t:0" } } }));
  writeFileSync(join(dir, "saved_model.pb"), asset(good));
  await using saved = await openSavedModel(ctx, dir);
  assert.deepEqual([...saved.assets], [["t:0", join(dir, "assets/f")]]);
  writeFileSync(join(dir, "saved_model.pb"), asset(good.subarray(0, 3)));
  await assert.rejects(openSavedModel(ctx, dir), { code: Code.DataLoss, message: `${dir}: entry 0 of the collection saved_model_assets cannot be parsed` });
});

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { background, Code, codeOf, isFailure } from "@tfs/std";
import { DType, strings } from "@tfs/tensor";
import { crc32c, maskCrc, openBundle, openSavedModel, unmaskCrc } from "./index.ts";
import { sliceKey } from "./slice_key.ts";

const models = fileURLToPath(new URL("../../../testdata/models/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tfs-savedmodel-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const ctx = background();

test("crc32c gives the vectors of RFC 3720 B.4", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});
test("crc32c goes on from a seed", () => {
  const bytes = Uint8Array.from({ length: 99 }, (_, i) => i * 7);
  assert.equal(crc32c(bytes.subarray(40), crc32c(bytes.subarray(0, 40))), crc32c(bytes));
});
test("a masked checksum is unmasked to itself", () => {
  for (const crc of [0, 1, 0xffffffff, 0x8a9136aa]) assert.equal(unmaskCrc(maskCrc(crc)), crc);
});

for (const model of readdirSync(models, { withFileTypes: true }).filter((e) => e.isDirectory())) {
  for (const version of readdirSync(join(models, model.name)).filter((v) => /^\d+$/.test(v))) {
    test(`every variable of ${model.name}/${version} is read with its checksum`, async () => {
      await using saved = await openSavedModel(ctx, join(models, model.name, version));
      assert.ok(saved.signatures.size > 0);
      for (const key of saved.variables?.keys ?? []) {
        const entry = saved.variables!.entry(key)!;
        const t = await saved.variables!.read(ctx, key);
        assert.deepEqual([t.dtype, t.shape], [entry.dtype, entry.shape]);
      }
    });
  }
}

test("a variable saved in slices is put together again", async () => {
  await using saved = await openSavedModel(ctx, join(models, "sharded/1"));
  const t = await saved.variables!.read(ctx, "table");
  assert.deepEqual(t.shape, [5, 4]);
  assert.deepEqual(
    [...(t.data as Float32Array)],
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.deepEqual(strings(await saved.variables!.read(ctx, "labels")), ["zero", "one", "", "three", "four ü"]);
  assert.equal((await saved.variables!.read(ctx, "bias")).dtype, DType.Float);
});
test("an unknown key is NotFound", async () => {
  await using saved = await openSavedModel(ctx, join(models, "sharded/1"));
  await assert.rejects(saved.variables!.read(ctx, "nope"), { code: Code.NotFound, message: "Key nope not found in checkpoint" });
});
test("slice keys sort as their extents do", () => {
  const starts = [0, 1, 63, 64, 8191, 8192, 1 << 20, (1 << 20) - 1, 2 ** 31, 2 ** 40].sort((a, b) => a - b);
  const keys = starts.map((start) => Buffer.from(sliceKey("v", [{ start, length: -1 }])));
  for (let i = 1; i < keys.length; i++) assert.ok(Buffer.compare(keys[i - 1]!, keys[i]!) < 0, `${starts[i - 1]} < ${starts[i]}`);
});

test("exact tags choose the meta-graph", async () => {
  const dir = join(models, "multi_metagraph/1");
  await using one = await openSavedModel(ctx, dir);
  assert.deepEqual(one.metaGraph.metaInfoDef?.tags, ["serve"]);
  await using two = await openSavedModel(ctx, dir, { tags: ["gpu", "serve"] });
  assert.deepEqual([...two.metaGraph.metaInfoDef!.tags].sort(), ["gpu", "serve"]);
  await assert.rejects(
    openSavedModel(ctx, dir, { tags: ["gpu"] }),
    (err) => codeOf(err) === Code.NotFound && /matching supplied tags: \{ gpu \}\. To inspect .*`saved_model_cli`$/.test((err as Error).message),
  );
});
test("assets are found under the tensor that wants their path", async () => {
  await using saved = await openSavedModel(ctx, join(models, "text/1"));
  const [file] = [...saved.assets.values()];
  assert.match(readFileSync(file!, "utf8"), /^good\n/);
  await using classic = await openSavedModel(ctx, join(models, "half_plus_two/1"));
  assert.deepEqual([...classic.assets.keys()], ["filename_tensor:0"]);
});
test("a fingerprint is read where there is one", async () => {
  await using saved = await openSavedModel(ctx, join(models, "digits/1"));
  assert.ok(saved.fingerprint!.savedModelChecksum > 0n);
});

function copy(model: string): string {
  const dir = mkdtempSync(join(scratch, "m-"));
  cpSync(join(models, model), dir, { recursive: true });
  return dir;
}

test("an asset outside the assets folder is refused", async () => {
  const dir = copy("half_plus_two/1");
  const path = join(dir, "saved_model.pb");
  writeFileSync(path, Buffer.from(readFileSync(path).toString("latin1").replaceAll("foo.txt", "../.txt"), "latin1"));
  await assert.rejects(openSavedModel(ctx, dir), { code: Code.InvalidArgument, message: "asset ../.txt lies outside the assets folder" });
});

const bad: { name: string; make: (dir: string) => void; code: Code; text: RegExp }[] = [
  {
    name: "an empty folder",
    make: () => {},
    code: Code.NotFound,
    text: /does not appear to contain a SavedModel bundle \(should have a file called `saved_model.pb`\)\nSpecified file path: /,
  },
  {
    name: "a SessionBundle",
    make: (dir) => writeFileSync(join(dir, "export.meta"), ""),
    code: Code.Unimplemented,
    text: /^Session Bundle is deprecated and removed\.$/,
  },
  {
    name: "a file that is no protobuf",
    make: (dir) => writeFileSync(join(dir, "saved_model.pb"), "garbage"),
    code: Code.DataLoss,
    text: /^Can't parse .*saved_model.pb as binary proto$/,
  },
  {
    name: "a text file that is no text proto",
    make: (dir) => writeFileSync(join(dir, "saved_model.pbtxt"), "meta_graphs {"),
    code: Code.DataLoss,
    text: /^Can't parse .*saved_model.pbtxt as text proto$/,
  },
];
for (const tc of bad) {
  test(`${tc.name} is refused with TensorFlow's words`, async () => {
    const dir = mkdtempSync(join(scratch, "bad-"));
    tc.make(dir);
    await assert.rejects(openSavedModel(ctx, dir), (err) => codeOf(err) === tc.code && tc.text.test((err as Error).message));
  });
}
test("a text-format SavedModel is read", async () => {
  const dir = mkdtempSync(join(scratch, "txt-"));
  writeFileSync(
    join(dir, "saved_model.pbtxt"),
    'saved_model_schema_version: 1 meta_graphs { meta_info_def { tags: "serve" } signature_def { key: "s" value { method_name: "m" } } }',
  );
  await using saved = await openSavedModel(ctx, dir);
  assert.equal(saved.signatures.get("s")?.methodName, "m");
});
test("a missing shard names its file and key", async () => {
  const dir = copy("half_plus_two_tf2/1");
  rmSync(join(dir, "variables/variables.data-00000-of-00001"));
  await using saved = await openSavedModel(ctx, dir);
  const key = saved.variables!.keys[0]!;
  await assert.rejects(
    saved.variables!.read(ctx, key),
    (err) => codeOf(err) === Code.NotFound && (err as Error).message.includes("variables.data-00000-of-00001"),
  );
});
test("a read can be cancelled", async () => {
  await using saved = await openSavedModel(ctx, join(models, "mlp/1"));
  await assert.rejects(saved.variables!.read({ ...ctx, deadline: 0 }, saved.variables!.keys[0]!), { code: Code.DeadlineExceeded });
});

/** random is a small seeded generator (mulberry32), so that a failure can be had again. */
function random(seed: number): () => number {
  let s = seed;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const bundles = readdirSync(models, { withFileTypes: true })
  .filter((e) => e.isDirectory())
  .flatMap(({ name }) => readdirSync(join(models, name)).map((version) => `${name}/${version}`))
  .filter((model) => existsSync(join(models, model, "variables/variables.index")));
for (const [seed, model] of bundles.entries()) {
  test(`damage to ${model} gives the right variables or a clear failure, never wrong ones`, async () => {
    const source = join(models, model, "variables");
    await using whole = await openBundle(ctx, join(source, "variables"));
    const want = new Map(await Promise.all(whole.keys.map(async (key) => [key, await whole.read(ctx, key)] as const)));
    const next = random(seed + 1);
    const dir = join(scratch, `fuzz-${seed}`);
    mkdirSync(dir);
    let failures = 0;
    for (let round = 0; round < 60; round++) {
      for (const file of readdirSync(source)) {
        const bytes = readFileSync(join(source, file));
        if (round % 3 === 0) bytes[Math.floor(next() * bytes.length)]! ^= 1 << Math.floor(next() * 8);
        writeFileSync(join(dir, file), round % 3 === 1 ? bytes.subarray(0, Math.floor(next() * bytes.length)) : bytes);
      }
      if (round % 3 === 2) {
        const file = join(dir, readdirSync(dir)[0]!);
        const bytes = readFileSync(file);
        bytes.fill(0, Math.floor(next() * bytes.length));
        writeFileSync(file, bytes);
      }
      try {
        await using bundle = await openBundle(ctx, join(dir, "variables"));
        for (const [key, t] of want) assert.deepEqual(await bundle.read(ctx, key), t);
      } catch (err) {
        if (!isFailure(err)) throw err;
        assert.ok(([Code.DataLoss, Code.NotFound, Code.Unimplemented] as Code[]).includes(err.code), err.message);
        failures++;
      }
    }
    assert.ok(failures > 20, `only ${failures} of 60 rounds were noticed`);
  });
}

for (const [seed, model] of readdirSync(models, { withFileTypes: true })
  .filter((e) => e.isDirectory())
  .flatMap(({ name }) => readdirSync(join(models, name)).map((version) => `${name}/${version}`))
  .filter((model) => existsSync(join(models, model, "saved_model.pb")))
  .entries()) {
  test(`a damaged saved_model.pb of ${model} opens or fails clearly`, async () => {
    const whole = readFileSync(join(models, model, "saved_model.pb"));
    const next = random(seed + 1);
    const dir = mkdtempSync(join(scratch, "pb-"));
    for (let round = 0; round < 20; round++) {
      const at = Math.floor(next() * whole.length);
      const bytes = round % 2 === 0 ? whole.subarray(0, at) : Buffer.from(whole);
      if (round % 2 !== 0) bytes[at]! ^= 1 << Math.floor(next() * 8);
      writeFileSync(join(dir, "saved_model.pb"), bytes);
      try {
        await using _ = await openSavedModel(ctx, dir);
      } catch (err) {
        assert.ok(isFailure(err), String(err));
        assert.ok(([Code.DataLoss, Code.NotFound, Code.InvalidArgument] as Code[]).includes(err.code), err.message);
      }
    }
  });
}

test("TensorFlow Serving's own fixtures are read, where they are present", async (t) => {
  const dir = fileURLToPath(new URL("../../../../shared/testdata/tfserving/", import.meta.url));
  if (!existsSync(dir)) return t.diagnostic("no fixtures beside the project");
  for (const name of [
    "saved_model_half_plus_two_cpu/00000123",
    "saved_model_half_plus_two_tf2_cpu/00000123",
    "saved_model_counter/00000123",
    "matrix_half_plus_two/1",
  ]) {
    await using saved = await openSavedModel(ctx, join(dir, name));
    for (const key of saved.variables?.keys ?? []) await saved.variables!.read(ctx, key);
  }
});

// gs:// against a server of Google Cloud Storage's API.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { background, Code, type Failure, withCancel } from "@tfs/std";
import {
  type Asked,
  downloads,
  fakeGcs,
  type Fault,
  filesOf,
  modelFiles,
  newHeard,
  remoteStorages,
  scratch,
  serve,
  type Started,
  startFaulty,
} from "../../testing/index.ts";
import type { RemoteTuning } from "../remote.ts";
import type { Storage } from "../storage.ts";

const skip = fakeGcs.missing;
let service: Started;

before(async () => {
  if (skip === false) service = await fakeGcs.start();
});
after(async () => await service?.[Symbol.asyncDispose]());

let buckets = 0;

interface Bench extends AsyncDisposable {
  readonly bucket: string;
  readonly storage: Storage;
  readonly cacheDir: string;
  readonly asked: readonly Asked[];
  readonly hanging: Promise<void>;
  put(key: string, bytes: Uint8Array | string): Promise<void>;
  remove(key: string): Promise<void>;
}

async function call(method: string, path: string, body?: Uint8Array | string): Promise<void> {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.text()}`);
}

/** bench is a bucket of its own with version 1 of half_plus_two at m, read through a proxy that does harm. */
async function bench(fault: (asked: Asked) => Fault | Promise<Fault> = () => undefined, tuning: RemoteTuning = {}): Promise<Bench> {
  const bucket = `models-${++buckets}`;
  await call("POST", "/storage/v1/b?project=test", JSON.stringify({ name: bucket }));
  const put = (key: string, bytes: Uint8Array | string): Promise<void> =>
    call("POST", `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(key)}`, bytes);
  for (const [name, bytes] of modelFiles("half_plus_two/1")) await put(`m/1/${name}`, bytes);
  const dir = scratch();
  const proxy = await startFaulty(service.url, fault);
  const remote = await remoteStorages({ cacheDir: dir.path, gs: { emulator: proxy.url }, ...tuning });
  return {
    bucket,
    storage: remote.storages["gs"]!,
    cacheDir: dir.path,
    asked: proxy.asked,
    hanging: proxy.hanging,
    put,
    remove: (key) => call("DELETE", `/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}`),
    async [Symbol.asyncDispose]() {
      await remote[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

const isMedia = ({ path }: Asked): boolean => path.includes("alt=media");

const failsWith =
  (code: Code, text: RegExp) =>
  (err: unknown): boolean => {
    assert.equal((err as Failure).code, code, String(err));
    assert.match((err as Failure).message, text);
    return true;
  };

test("versions appear, change and vanish, and the same array comes while nothing does", { skip }, async () => {
  await using b = await bench();
  const list = () => b.storage.list(background(), `gs://${b.bucket}/m`);
  const first = await list();
  assert.deepEqual(first, ["1"]);
  await b.put("m/1/more", "x");
  await b.put("m/readme.txt", "x");
  assert.equal(await list(), first);
  await b.put("m/2/saved_model.pb", "x");
  assert.deepEqual(await list(), ["1", "2"]);
  await b.remove("m/2/saved_model.pb");
  assert.deepEqual(await list(), ["1"]);
  assert.ok(b.asked.every(({ path }) => path.includes("delimiter=%2F")));
});

test("a version is here while it is used, and gone afterwards", { skip }, async () => {
  await using b = await bench();
  const key = "assets/a b+c%20&?#=é語.txt";
  await b.put(`m/1/${key}`, "x");
  const brought = await b.storage.bring(background(), b.storage.join(`gs://${b.bucket}/m`, "1"));
  const want = new Map([...modelFiles("half_plus_two/1"), [key, Buffer.from("x")]]);
  assert.deepEqual(filesOf(brought.dir), new Map([...want].sort(([a], [c]) => (a < c ? -1 : 1))));
  await brought[Symbol.asyncDispose]();
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("a download that breaks off goes on from where it was", { skip }, async () => {
  const big = Buffer.alloc(300_000, "tfs");
  let cuts = 2;
  await using b = await bench((asked) => (asked.path.includes("big") && cuts-- > 0 ? { cutAfter: 100_000 } : undefined));
  await b.put("m/1/big", big);
  await using brought = await b.storage.bring(background(), `gs://${b.bucket}/m/1`);
  assert.deepEqual(filesOf(brought.dir).get("big"), big);
  const ranges = b.asked.filter(({ path }) => path.includes("big")).map(({ range }) => range ?? "");
  assert.equal(ranges.length, 3);
  for (const range of ranges.slice(1)) assert.match(range, /^bytes=[1-9]\d*-$/);
});

test("buckets and versions that are not there are named", { skip }, async () => {
  await using b = await bench();
  await assert.rejects(b.storage.list(background(), "gs://nowhere/m"), failsWith(Code.NotFound, /^gs:\/\/nowhere\/m\/: HTTP 404/));
  await assert.rejects(b.storage.list(background(), `gs://${b.bucket}/other`), failsWith(Code.NotFound, /^gs:\/\/models-\d+\/other not found$/));
  await assert.rejects(b.storage.bring(background(), `gs://${b.bucket}/m/7`), failsWith(Code.NotFound, /^gs:\/\/models-\d+\/m\/7 not found$/));
});

test("a key that leads elsewhere is refused by name, and nothing is downloaded", { skip }, async () => {
  await using b = await bench();
  await b.put("m/1/../../../etc/passwd", "evil");
  await assert.rejects(
    b.storage.bring(background(), `gs://${b.bucket}/m/1`),
    failsWith(Code.InvalidArgument, /has an object whose key is no path below it: "m\/1\/\.\.\/\.\.\/\.\.\/etc\/passwd"$/),
  );
  assert.deepEqual(b.asked.filter(isMedia), []);
});

test("what is no longer wanted stops at once, and nothing of it stays", { skip }, async () => {
  await using b = await bench((asked) => (isMedia(asked) ? { hangAfter: 3 } : undefined));
  using ctx = withCancel(background());
  const bringing = b.storage.bring(ctx, `gs://${b.bucket}/m/1`);
  await b.hanging;
  ctx.cancel();
  await assert.rejects(bringing, failsWith(Code.Canceled, /^canceled$/));
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("a model is served from gs://, follows its versions, and leaves nothing behind", { skip }, async () => {
  await using b = await bench();
  const heard = newHeard();
  await using served = await serve([{ name: "m", basePath: `gs://${b.bucket}/m` }], {
    storages: { gs: b.storage },
    pollMs: 10,
    tuning: { retries: 1000, retryMs: 10 },
    logger: heard.logger,
  });
  const predict = async () => {
    const response = await fetch(`${served.rest}/v1/models/m:predict`, { method: "POST", body: '{"instances":[1.0]}' });
    return { status: response.status, body: await response.json() };
  };
  assert.deepEqual(await predict(), { status: 200, body: { predictions: [2.5] } });
  // It is seen while it is being uploaded: what is loaded too early fails, and is tried again.
  for (const [name, bytes] of modelFiles("half_plus_two/2")) await b.put(`m/2/${name}`, bytes);
  await heard.line(/ unloaded .*version=1/);
  assert.deepEqual(await predict(), { status: 200, body: { predictions: [3.5] } });
  await served.server.drain(0);
  assert.deepEqual(downloads(b.cacheDir), []);
});

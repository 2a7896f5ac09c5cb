// s3:// against a server of S3's API: every request goes through the AWS SDK, as in service.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { background, Code, type Failure, withCancel } from "@tfs/std";
import {
  type Asked,
  downloads,
  type Fault,
  filesOf,
  modelFiles,
  moto,
  newHeard,
  remoteStorages,
  scratch,
  serve,
  type Started,
  startFaulty,
} from "../../testing/index.ts";
import type { RemoteTuning } from "../remote.ts";
import type { Storage } from "../storage.ts";

const skip = moto.missing;
const region = "eu-central-1";
let service: Started;
let client: S3Client;

before(async () => {
  if (skip !== false) return;
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null/none",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null/none",
  });
  service = await moto.start();
  client = new S3Client({ endpoint: service.url, region, forcePathStyle: true });
});
after(async () => {
  client?.destroy();
  await service?.[Symbol.asyncDispose]();
});

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

/** bench is a bucket of its own with version 1 of half_plus_two at m, read through a proxy that does harm. */
async function bench(fault: (asked: Asked) => Fault | Promise<Fault> = () => undefined, tuning: RemoteTuning = {}): Promise<Bench> {
  const bucket = `models-${++buckets}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: { LocationConstraint: region } }));
  const put = async (key: string, bytes: Uint8Array | string): Promise<void> =>
    void (await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes })));
  for (const [name, bytes] of modelFiles("half_plus_two/1")) await put(`m/1/${name}`, bytes);
  const dir = scratch();
  const proxy = await startFaulty(service.url, fault);
  const remote = await remoteStorages({ cacheDir: dir.path, s3: { endpoint: proxy.url, region, pathStyle: true }, ...tuning });
  return {
    bucket,
    storage: remote.storages["s3"]!,
    cacheDir: dir.path,
    asked: proxy.asked,
    hanging: proxy.hanging,
    put,
    remove: async (key) => void (await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))),
    async [Symbol.asyncDispose]() {
      await remote[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

const isObject = ({ path }: Asked): boolean => path.includes("/m/1/");

const failsWith =
  (code: Code, text: RegExp) =>
  (err: unknown): boolean => {
    assert.equal((err as Failure).code, code, String(err));
    assert.match((err as Failure).message, text);
    return true;
  };

test("versions appear, change and vanish, and the same array comes while nothing does", { skip }, async () => {
  await using b = await bench();
  const list = () => b.storage.list(background(), `s3://${b.bucket}/m`);
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

test("more versions and more objects than one page", { skip }, async () => {
  await using b = await bench();
  await Promise.all(Array.from({ length: 1100 }, (_, i) => b.put(`m/1/many/${String(i).padStart(4, "0")}`, String(i))));
  await using brought = await b.storage.bring(background(), `s3://${b.bucket}/m/1`);
  const files = filesOf(brought.dir);
  assert.equal(files.size, 1100 + modelFiles("half_plus_two/1").size);
  assert.equal(files.get("many/1099")?.toString(), "1099");
});

test("a version is here while it is used, and gone afterwards", { skip }, async () => {
  await using b = await bench();
  const brought = await b.storage.bring(background(), b.storage.join(`s3://${b.bucket}/m`, "1"));
  assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
  await brought[Symbol.asyncDispose]();
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("a download that breaks off goes on from where it was", { skip }, async () => {
  const big = Buffer.alloc(300_000, "tfs");
  let cuts = 2;
  await using b = await bench((asked) => (asked.path.includes("big") && cuts-- > 0 ? { cutAfter: 100_000 } : undefined));
  await b.put("m/1/big", big);
  await using brought = await b.storage.bring(background(), `s3://${b.bucket}/m/1`);
  assert.deepEqual(filesOf(brought.dir).get("big"), big);
  const ranges = b.asked.filter(({ path }) => path.includes("big")).map(({ range }) => range ?? "");
  assert.equal(ranges.length, 3);
  for (const range of ranges.slice(1)) assert.match(range, /^bytes=[1-9]\d*-$/);
});

test("no bytes for a while is a broken download", { skip }, async () => {
  let hangs = 1;
  await using b = await bench((asked) => (isObject(asked) && hangs-- > 0 ? { hangAfter: 5 } : undefined), { stallMs: 200 });
  await using brought = await b.storage.bring(background(), `s3://${b.bucket}/m/1`);
  assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
});

test("throttling and faults are tried again, a few times", { skip }, async () => {
  let faults = 4;
  await using b = await bench(() => (faults-- > 0 ? { status: 503, body: "<Error><Code>SlowDown</Code></Error>" } : undefined));
  assert.deepEqual(await b.storage.list(background(), `s3://${b.bucket}/m`), ["1"]);
  faults = 5;
  await assert.rejects(b.storage.list(background(), `s3://${b.bucket}/m`), failsWith(Code.Unavailable, /^s3:\/\/models-\d+\/m\/: SlowDown \(HTTP 503\)$/));
  assert.equal(b.asked.length, 10);
});

const refusals: { readonly status: number; readonly name: string; readonly code: Code }[] = [
  { status: 403, name: "AccessDenied", code: Code.PermissionDenied },
  { status: 403, name: "InvalidAccessKeyId", code: Code.Unauthenticated },
  { status: 403, name: "SignatureDoesNotMatch", code: Code.Unauthenticated },
  { status: 400, name: "ExpiredToken", code: Code.Unauthenticated },
  { status: 404, name: "NoSuchKey", code: Code.NotFound },
  { status: 412, name: "PreconditionFailed", code: Code.Aborted },
];
for (const { status, name, code } of refusals) {
  test(`${name} is told by code, bucket and key`, { skip }, async () => {
    await using b = await bench((asked) =>
      asked.path.includes("saved_model") ? { status, body: `<Error><Code>${name}</Code><Message>of account 1234</Message></Error>` } : undefined,
    );
    const text = new RegExp(`^s3://${b.bucket}/m/1/saved_model.pb: ${name} \\(HTTP ${status}\\)$`);
    await assert.rejects(b.storage.bring(background(), `s3://${b.bucket}/m/1`), failsWith(code, text));
    assert.equal(b.asked.filter(({ path }) => path.includes("saved_model")).length, 1);
    assert.deepEqual(downloads(b.cacheDir), []);
  });
}

test("buckets and versions that are not there are named", { skip }, async () => {
  await using b = await bench();
  await assert.rejects(b.storage.list(background(), "s3://nowhere/m"), failsWith(Code.NotFound, /^s3:\/\/nowhere\/m\/: NoSuchBucket \(HTTP 404\)$/));
  await assert.rejects(b.storage.list(background(), `s3://${b.bucket}/other`), failsWith(Code.NotFound, /^s3:\/\/models-\d+\/other not found$/));
  await assert.rejects(b.storage.bring(background(), `s3://${b.bucket}/m/7`), failsWith(Code.NotFound, /^s3:\/\/models-\d+\/m\/7 not found$/));
});

test("a server that cannot be reached is Unavailable", { skip }, async () => {
  await using remote = await remoteStorages({ s3: { endpoint: "http://127.0.0.1:1", region, pathStyle: true }, tries: 2 });
  await assert.rejects(
    remote.storages["s3"]!.list(background(), "s3://models/m"),
    failsWith(Code.Unavailable, /^s3:\/\/models\/m\/: cannot be reached \(ECONNREFUSED\)$/),
  );
});

for (const key of ["m/1/../../../etc/passwd", "m/1/a/../b", "m/1//etc/passwd", "m/1/a\\..\\b"]) {
  test(`the key ${JSON.stringify(key)} is refused by name, and nothing is downloaded`, { skip }, async () => {
    await using b = await bench();
    await b.put(key, "evil");
    await assert.rejects(b.storage.bring(background(), `s3://${b.bucket}/m/1`), (err: Failure) => {
      assert.equal(err.code, Code.InvalidArgument);
      assert.ok(err.message.endsWith(`has an object whose key is no path below it: ${JSON.stringify(key)}`), err.message);
      return true;
    });
    assert.deepEqual(b.asked.filter(isObject), []);
  });
}

test("keys are taken as they are: with spaces, signs and letters of any language", { skip }, async () => {
  await using b = await bench();
  const key = "assets/a b+c%20&?#=é語.txt";
  await b.put(`m/1/${key}`, "x");
  await using brought = await b.storage.bring(background(), `s3://${b.bucket}/m/1`);
  assert.equal(filesOf(brought.dir).get(key)?.toString(), "x");
});

test("an object that is replaced while it is downloaded is not mixed with the new one", { skip }, async () => {
  await using b = await bench(async (asked) => {
    if (!asked.path.includes("big")) return undefined;
    if (asked.range === undefined) return { cutAfter: 100_000 };
    await b.put("m/1/big", Buffer.alloc(300_000, "b"));
    return undefined;
  });
  await b.put("m/1/big", Buffer.alloc(300_000, "a"));
  await assert.rejects(
    b.storage.bring(background(), `s3://${b.bucket}/m/1`),
    failsWith(Code.Aborted, /^s3:\/\/models-\d+\/m\/1\/big: PreconditionFailed \(HTTP 412\)$/),
  );
});

test("what is no longer wanted stops at once, and nothing of it stays", { skip }, async () => {
  await using b = await bench((asked) => (isObject(asked) ? { hangAfter: 3 } : undefined));
  using ctx = withCancel(background());
  const bringing = b.storage.bring(ctx, `s3://${b.bucket}/m/1`);
  await b.hanging;
  ctx.cancel();
  await assert.rejects(bringing, failsWith(Code.Canceled, /^canceled$/));
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("endpoint and region come from the SDK's own environment", { skip }, async () => {
  await using b = await bench();
  Object.assign(process.env, { AWS_ENDPOINT_URL_S3: service.url, AWS_REGION: region });
  try {
    await using remote = await remoteStorages({ s3: { pathStyle: true } });
    assert.deepEqual(await remote.storages["s3"]!.list(background(), `s3://${b.bucket}/m`), ["1"]);
    Reflect.deleteProperty(process.env, "AWS_REGION");
    await using none = await remoteStorages({ s3: { pathStyle: true } });
    await assert.rejects(
      none.storages["s3"]!.list(background(), `s3://${b.bucket}/m`),
      failsWith(Code.FailedPrecondition, /: no region is known; set AWS_REGION or --s3_region$/),
    );
  } finally {
    for (const name of ["AWS_ENDPOINT_URL_S3", "AWS_REGION"]) Reflect.deleteProperty(process.env, name);
  }
});

test("credentials that the server does not know are Unauthenticated", { skip }, async () => {
  await using strict = await moto.start({ INITIAL_NO_AUTH_ACTION_COUNT: "0" });
  await using remote = await remoteStorages({ s3: { endpoint: strict.url, region, pathStyle: true } });
  await assert.rejects(
    remote.storages["s3"]!.list(background(), "s3://models/m"),
    failsWith(Code.Unauthenticated, /^s3:\/\/models\/m\/: InvalidAccessKeyId \(HTTP 403\)$/),
  );
});

test("buckets that everybody may read are asked without credentials, if that is wanted", { skip }, async () => {
  await using b = await bench();
  for (const [name, bytes] of modelFiles("half_plus_two/1"))
    await client.send(new PutObjectCommand({ Bucket: b.bucket, Key: `m/1/${name}`, Body: bytes, ACL: "public-read" }));
  await b.put("m/2/saved_model.pb", "for few");
  await using signed = await startFaulty(service.url, () => undefined);
  for (const anonymous of [true, false]) {
    const seen = signed.asked.length;
    await using remote = await remoteStorages({ cacheDir: b.cacheDir, s3: { endpoint: signed.url, region, pathStyle: true, anonymous } });
    assert.deepEqual(await remote.storages["s3"]!.list(background(), `s3://${b.bucket}/m`), ["1", "2"]);
    await using brought = await remote.storages["s3"]!.bring(background(), `s3://${b.bucket}/m/1`);
    assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
    assert.ok(signed.asked.slice(seen).every(({ authorization }) => (authorization === undefined) === anonymous));
    const other = remote.storages["s3"]!.bring(background(), `s3://${b.bucket}/m/2`);
    if (anonymous) await assert.rejects(other, failsWith(Code.PermissionDenied, /^s3:\/\/models-\d+\/m\/2\/saved_model\.pb: HTTP 403$/));
    else await (await other)[Symbol.asyncDispose]();
  }
});

test("without credentials the caller is told so", { skip }, async () => {
  await using b = await bench();
  const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
  const kept = names.map((name) => process.env[name]);
  for (const name of names) Reflect.deleteProperty(process.env, name);
  try {
    await assert.rejects(
      b.storage.list(background(), `s3://${b.bucket}/m`),
      failsWith(Code.Unauthenticated, /^s3:\/\/models-\d+\/m\/: CredentialsProviderError$/),
    );
  } finally {
    Object.assign(process.env, Object.fromEntries(names.map((name, i) => [name, kept[i]])));
  }
});

test("a model is served from s3://, follows its versions, and leaves nothing behind", { skip }, async () => {
  await using b = await bench();
  const heard = newHeard();
  await using served = await serve([{ name: "m", basePath: `s3://${b.bucket}/m` }], {
    storages: { s3: b.storage },
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

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { background, Code, done, type Failure, withCancel, withTimeout } from "@tfs/std";
import {
  type Asked,
  downloads,
  type Fault,
  type Faulty,
  filesOf,
  modelFiles,
  newHeard,
  remoteStorages,
  type Scratch,
  scratch,
  serve,
  type Shelf,
  startFaulty,
  startShelf,
} from "../../testing/index.ts";
import type { RemoteTuning } from "../remote.ts";
import type { Storage } from "../storage.ts";

const isMedia = ({ path }: Asked): boolean => path.includes("alt=media");

interface Bench extends AsyncDisposable {
  readonly shelf: Shelf;
  readonly proxy: Faulty;
  readonly storage: Storage;
  readonly cacheDir: string;
}

/** bench is a bucket with version 1 of half_plus_two at models/m, behind a proxy that does harm. */
async function bench(fault: (asked: Asked, shelf: Shelf) => Fault = () => undefined, tuning: RemoteTuning = {}, pageMax = 1000): Promise<Bench> {
  const dir: Scratch = scratch();
  const shelf = await startShelf(pageMax);
  for (const [name, bytes] of modelFiles("half_plus_two/1")) shelf.put(`m/1/${name}`, bytes);
  const proxy = await startFaulty(shelf.url, (asked) => fault(asked, shelf));
  const remote = await remoteStorages({ cacheDir: dir.path, gs: { emulator: proxy.url }, ...tuning });
  return {
    shelf,
    proxy,
    storage: remote.storages["gs"]!,
    cacheDir: dir.path,
    async [Symbol.asyncDispose]() {
      await remote[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await shelf[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

/** times does harm to the first `n` requests that are meant. */
function times(n: number, meant: (asked: Asked) => boolean, harm: Fault): (asked: Asked) => Fault {
  let left = n;
  return (asked) => (meant(asked) && left-- > 0 ? harm : undefined);
}

const failsWith =
  (code: Code, text: RegExp) =>
  (err: unknown): boolean => {
    assert.equal((err as Failure).code, code, String(err));
    assert.match((err as Failure).message, text);
    return true;
  };

test("versions appear, change and vanish, and the same array comes while nothing does", async () => {
  await using b = await bench();
  const list = () => b.storage.list(background(), "gs://models/m");
  const first = await list();
  assert.deepEqual(first, ["1"]);
  assert.equal(await list(), first);
  b.shelf.put("m/1/more", "x"); // what a version holds is not looked at
  b.shelf.put("m/readme.txt", "no folder");
  assert.equal(await list(), first);
  b.shelf.put("m/2/saved_model.pb", "x");
  assert.deepEqual(await list(), ["1", "2"]);
  for (const name of modelFiles("half_plus_two/1").keys()) b.shelf.remove(`m/1/${name}`);
  b.shelf.remove("m/1/more");
  assert.deepEqual(await list(), ["2"]);
  b.shelf.remove("m/2/saved_model.pb");
  assert.deepEqual(await list(), []);
  b.shelf.remove("m/readme.txt");
  await assert.rejects(list(), failsWith(Code.NotFound, /^gs:\/\/models\/m not found$/));
});

test("a look asks once, for folders alone", async () => {
  await using b = await bench();
  for (let i = 0; i < 500; i++) b.shelf.put(`m/1/many/${i}`, "x");
  await b.storage.list(background(), "gs://models/m/");
  assert.deepEqual(
    b.proxy.asked.map(({ path }) => new URL(path, b.proxy.url).searchParams.get("delimiter")),
    ["/"],
  );
});

test("the bucket itself is a base path, and may be empty", async () => {
  await using b = await bench();
  assert.deepEqual(await b.storage.list(background(), "gs://models"), ["m"]);
  assert.deepEqual(await b.storage.list(background(), "gs://models/"), ["m"]);
  for (const name of modelFiles("half_plus_two/1").keys()) b.shelf.remove(`m/1/${name}`);
  assert.deepEqual(await b.storage.list(background(), "gs://models"), []);
});

test("listings come in pages", async () => {
  await using b = await bench(undefined, {}, 2);
  for (const version of [2, 3, 10, 11]) b.shelf.put(`m/${version}/saved_model.pb`, "x");
  assert.deepEqual(await b.storage.list(background(), "gs://models/m"), ["1", "10", "11", "2", "3"]);
  await using brought = await b.storage.bring(background(), "gs://models/m/1");
  assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
});

test("a version is here while it is used, under a name of its own, and gone afterwards", async () => {
  await using b = await bench((asked) => {
    if (isMedia(asked)) during.push(...downloads(b.cacheDir));
    return undefined;
  });
  const during: string[] = [];
  const brought = await b.storage.bring(background(), b.storage.join("gs://models/m/", "1"));
  assert.ok(during.length > 0 && during.every((name) => name.endsWith(".part")), during.join());
  assert.deepEqual(downloads(b.cacheDir), ["1-gs_models_m_1"]);
  assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
  await brought[Symbol.asyncDispose]();
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("a download that breaks off goes on from where it was", async () => {
  const big = Buffer.alloc(300_000, "tfs");
  await using b = await bench(times(2, isMedia, { cutAfter: 100_000 }));
  for (const name of modelFiles("half_plus_two/1").keys()) b.shelf.remove(`m/1/${name}`);
  b.shelf.put("m/1/saved_model.pb", big);
  await using brought = await b.storage.bring(background(), "gs://models/m/1");
  assert.deepEqual(filesOf(brought.dir), new Map([["saved_model.pb", big]]));
  const ranges = b.proxy.asked.filter(isMedia).map(({ range }) => range);
  assert.equal(ranges[0], undefined);
  assert.equal(ranges.length, 3);
  for (const range of ranges.slice(1)) assert.match(range ?? "", /^bytes=[1-9]\d*-$/);
});

test("a download that is always torn is given up, and nothing of it stays", async () => {
  await using b = await bench((asked) => (isMedia(asked) && asked.path.includes("saved_model") ? { cutAfter: 1 } : undefined), { tries: 3 });
  await assert.rejects(
    b.storage.bring(background(), "gs://models/m/1"),
    failsWith(Code.Unavailable, /^gs:\/\/models\/m\/1\/saved_model\.pb: the answer broke off$/),
  );
  assert.equal(b.proxy.asked.filter(({ path }) => path.includes("saved_model") && path.includes("alt=media")).length, 3);
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("no bytes for a while is a broken download", async () => {
  await using b = await bench(times(1, isMedia, { hangAfter: 5 }), { stallMs: 100 });
  await using brought = await b.storage.bring(background(), "gs://models/m/1");
  assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
});

const transient = [408, 429, 500, 502, 503];
for (const status of transient) {
  test(`HTTP ${status} is tried again, for listings and for objects`, async () => {
    let [lists, reads] = [2, 2];
    await using b = await bench((asked) => ((isMedia(asked) ? reads-- : lists--) > 0 ? { status } : undefined));
    assert.deepEqual(await b.storage.list(background(), "gs://models/m"), ["1"]);
    await using brought = await b.storage.bring(background(), "gs://models/m/1");
    assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
  });
}

const refusals: { readonly name: string; readonly status: number; readonly code: Code; readonly tries: number }[] = [
  { name: "without valid credentials", status: 401, code: Code.Unauthenticated, tries: 1 },
  { name: "without the right to", status: 403, code: Code.PermissionDenied, tries: 1 },
  { name: "when it has gone meanwhile", status: 404, code: Code.NotFound, tries: 1 },
  { name: "when it is another one meanwhile", status: 412, code: Code.Aborted, tries: 1 },
  { name: "from a service that stays away", status: 503, code: Code.Unavailable, tries: 5 },
];
for (const { name, status, code, tries } of refusals) {
  test(`reading an object ${name} fails by its name`, async () => {
    const said = JSON.stringify({ error: { message: "because" } });
    await using b = await bench((asked) => (isMedia(asked) && asked.path.includes("saved_model") ? { status, body: said } : undefined));
    const text = new RegExp(`^gs://models/m/1/saved_model.pb: HTTP ${status}, because$`);
    await assert.rejects(b.storage.bring(background(), "gs://models/m/1"), failsWith(code, text));
    assert.equal(b.proxy.asked.filter(({ path }) => path.includes("saved_model") && path.includes("alt=media")).length, tries);
    assert.deepEqual(downloads(b.cacheDir), []);
  });
}

test("a bucket that is not there is named", async () => {
  await using b = await bench();
  await assert.rejects(
    b.storage.list(background(), "gs://nowhere/m"),
    failsWith(Code.NotFound, /^gs:\/\/nowhere\/m\/: HTTP 404, The specified bucket does not exist\.$/),
  );
  await assert.rejects(b.storage.bring(background(), "gs://models/m/7"), failsWith(Code.NotFound, /^gs:\/\/models\/m\/7 not found$/));
});

test("a service that cannot be reached is Unavailable", async () => {
  await using b = await bench();
  await b.proxy[Symbol.asyncDispose]();
  await assert.rejects(b.storage.list(background(), "gs://models/m"), failsWith(Code.Unavailable, /^gs:\/\/models\/m\/: cannot be reached \(ECONNREFUSED\)$/));
});

const keys = [
  "m/1/../../../etc/passwd",
  "m/1/..",
  "m/1/a/../b",
  "m/1//etc/passwd",
  "m/1/a//b",
  "m/1/./a",
  "m/1/a\\..\\b",
  "m/1/C:/x",
  "m/1/a\0b",
  `m/1/${"x".repeat(256)}`,
];
for (const key of keys) {
  test(`the key ${JSON.stringify(key).slice(0, 40)} is refused by name, and nothing is downloaded`, async () => {
    await using b = await bench();
    b.shelf.put(key, "evil");
    await assert.rejects(b.storage.bring(background(), "gs://models/m/1"), (err: Failure) => {
      assert.equal(err.code, Code.InvalidArgument);
      assert.ok(
        err.message.startsWith("gs://models/m/1 has an object whose key is no path below it: ") && err.message.includes(JSON.stringify(key)),
        err.message,
      );
      return true;
    });
    assert.deepEqual(b.proxy.asked.filter(isMedia), []);
  });
}

test("keys that stand for folders are no files, and one that is a file and a folder is refused", async () => {
  await using b = await bench();
  b.shelf.put("m/1/", "");
  b.shelf.put("m/1/variables/", "");
  {
    await using brought = await b.storage.bring(background(), "gs://models/m/1");
    assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
  }
  b.shelf.put("m/1/variables", "a file");
  await assert.rejects(
    b.storage.bring(background(), "gs://models/m/1"),
    failsWith(Code.InvalidArgument, /^gs:\/\/models\/m\/1\/variables: there is another file or folder of that name$/),
  );
});

test("a version past the limit is refused before anything of it is downloaded", async () => {
  const size = [...modelFiles("half_plus_two/1").values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
  await using within = await bench(undefined, { limitBytes: size });
  await using brought = await within.storage.bring(background(), "gs://models/m/1");
  assert.ok(brought.dir !== "");
  await using b = await bench(undefined, { limitBytes: size - 1 });
  await assert.rejects(b.storage.bring(background(), "gs://models/m/1"), failsWith(Code.ResourceExhausted, /^gs:\/\/models\/m\/1 has more than the \d+ bytes/));
  assert.deepEqual(b.proxy.asked.filter(isMedia), []);
});

test("objects are downloaded side by side, within the bound", async () => {
  await using b = await bench(undefined, { parallel: 3 });
  for (let i = 0; i < 40; i++) b.shelf.put(`m/1/many/${i}`, Buffer.alloc(100_000, i));
  await using brought = await b.storage.bring(background(), "gs://models/m/1");
  assert.equal(filesOf(brought.dir).size, 40 + modelFiles("half_plus_two/1").size);
  assert.ok(b.proxy.mostAtOnce > 1 && b.proxy.mostAtOnce <= 3, String(b.proxy.mostAtOnce));
});

test("a version that grows while it is downloaded is not taken for whole", async () => {
  let late = "x";
  await using b = await bench((asked, shelf) => {
    if (!isMedia(asked) || late === "") return undefined;
    shelf.put("m/1/late", late);
    late = "";
    return undefined;
  });
  await assert.rejects(b.storage.bring(background(), "gs://models/m/1"), failsWith(Code.Aborted, /^gs:\/\/models\/m\/1 changed while it was downloaded$/));
  assert.deepEqual(downloads(b.cacheDir), []);
  await using brought = await b.storage.bring(background(), "gs://models/m/1");
  assert.ok(readdirSync(brought.dir).includes("late"));
});

test("an object that is replaced while it is downloaded is not mixed with the new one", async () => {
  await using b = await bench((asked, shelf) => {
    if (!isMedia(asked) || !asked.path.includes("big")) return undefined;
    if (asked.range === undefined) return { cutAfter: 100_000 };
    shelf.put("m/1/big", Buffer.alloc(300_000, "b"));
    return undefined;
  });
  b.shelf.put("m/1/big", Buffer.alloc(300_000, "a"));
  await assert.rejects(b.storage.bring(background(), "gs://models/m/1"), failsWith(Code.Aborted, /^gs:\/\/models\/m\/1\/big: HTTP 412, conditionNotMet$/));
});

test("what is no longer wanted stops at once, and nothing of it stays", async () => {
  await using b = await bench((asked) => (isMedia(asked) ? { hangAfter: 3 } : undefined));
  using ctx = withCancel(background());
  const bringing = b.storage.bring(ctx, "gs://models/m/1");
  await b.proxy.hanging;
  ctx.cancel();
  await assert.rejects(bringing, failsWith(Code.Canceled, /^canceled$/));
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("a look whose time is up goes on until it is answered, or until the storages are closed", async () => {
  let answer = (_: Fault): void => {};
  let asked = (): void => {};
  const begun = () =>
    new Promise<void>((resolve) => {
      asked = resolve;
    });
  const fault = (): Promise<Fault> => {
    asked();
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  using dir = scratch();
  await using shelf = await startShelf();
  shelf.put("m/1/saved_model.pb", "x");
  await using proxy = await startFaulty(shelf.url, fault);
  const remote = await remoteStorages({ cacheDir: dir.path, gs: { emulator: proxy.url } });
  using ctx = withTimeout(background(), 50);
  const first = begun();
  const listing = remote.storages["gs"]!.list(ctx, "gs://models/m");
  await Promise.all([first, done(ctx)]);
  answer(undefined);
  assert.deepEqual(await listing, ["1"]);
  using again = withTimeout(background(), 50);
  const second = begun();
  const closed = assert.rejects(remote.storages["gs"]!.list(again, "gs://models/m"), failsWith(Code.Canceled, /^canceled$/));
  await Promise.all([second, done(again)]);
  await remote[Symbol.asyncDispose]();
  await closed;
});

test("cancelling ends the wait between two tries", async () => {
  await using b = await bench(() => ({ status: 503 }), { firstRetryMs: 3_600_000 });
  using ctx = withCancel(background());
  const listing = b.storage.list(ctx, "gs://models/m");
  setImmediate(() => ctx.cancel());
  await assert.rejects(listing, failsWith(Code.Canceled, /^canceled$/));
});

for (const path of ["gs://", "gs:///m", "gs://models/../x", "gs://models/a//b", "gs://models/a/./b", "gs://-/m", "gs://a b/m"]) {
  test(`the base path ${path} is refused`, async () => {
    await using b = await bench();
    await assert.rejects(
      b.storage.list(background(), path),
      failsWith(Code.InvalidArgument, /does not begin with the name of a bucket$|is no folder of a bucket$/),
    );
    assert.deepEqual(b.proxy.asked, []);
  });
}

test("STORAGE_EMULATOR_HOST may come without http:// and with a slash", async () => {
  await using b = await bench();
  for (const emulator of [b.shelf.url.slice(7), `${b.shelf.url}/`]) {
    await using remote = await remoteStorages({ cacheDir: b.cacheDir, gs: { emulator } });
    assert.deepEqual(await remote.storages["gs"]!.list(background(), "gs://models/m"), ["1"]);
  }
});

test("a model is served from gs://, follows its versions, and leaves nothing behind", async () => {
  await using b = await bench();
  const heard = newHeard();
  await using served = await serve([{ name: "m", basePath: "gs://models/m" }], { storages: { gs: b.storage }, pollMs: 10, logger: heard.logger });
  const predict = async (version: number) => {
    const response = await fetch(`${served.rest}/v1/models/m/versions/${version}:predict`, { method: "POST", body: '{"instances":[1.0]}' });
    return { status: response.status, body: await response.json() };
  };
  assert.deepEqual(await predict(1), { status: 200, body: { predictions: [2.5] } });
  for (const [name, bytes] of modelFiles("half_plus_two/2")) b.shelf.put(`m/2/${name}`, bytes);
  await heard.line(/ unloaded .*version=1/);
  assert.deepEqual(await predict(2), { status: 200, body: { predictions: [3.5] } });
  assert.deepEqual(
    downloads(b.cacheDir)
      .filter((name) => !name.endsWith(".part"))
      .map((name) => name.replace(/^\d+-/, "")),
    ["gs_models_m_2"],
  );
  await served.server.drain(0);
  assert.deepEqual(downloads(b.cacheDir), []);
  assert.ok(readdirSync(join(b.cacheDir)).length > 0);
});

test("a version that vanishes while it is downloaded is let go of at once, and the others are served", async () => {
  await using b = await bench((asked) => (isMedia(asked) && asked.path.includes("m%2F2%2F") ? { hangAfter: 3 } : undefined));
  const heard = newHeard();
  await using served = await serve([{ name: "m", basePath: "gs://models/m" }], { storages: { gs: b.storage }, pollMs: 10, logger: heard.logger });
  b.shelf.put("m/2/saved_model.pb", "a model");
  await b.proxy.hanging;
  assert.equal(downloads(b.cacheDir).filter((name) => name.endsWith(".part")).length, 1);
  b.shelf.remove("m/2/saved_model.pb");
  while (downloads(b.cacheDir).some((name) => name.endsWith(".part"))) await turn();
  const response = await fetch(`${served.rest}/v1/models/m:predict`, { method: "POST", body: '{"instances":[1.0]}' });
  assert.deepEqual(await response.json(), { predictions: [2.5] });
});

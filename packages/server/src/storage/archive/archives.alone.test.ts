// In a process of its own, because it trusts the authority of the test certificates.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { gzipSync } from "node:zlib";
import { background, Code, done, type Failure, systemClock, withCancel, withTimeout } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import {
  authority,
  downloads,
  type Entry,
  entriesOf,
  filesOf,
  modelFiles,
  newHeard,
  remoteStorages,
  scratch,
  serve,
  silent,
  type Site,
  startSite,
  tarGzOf,
  tarOf,
  zipOf,
} from "../../testing/index.ts";
import { openRemoteStorages, type RemoteOptions } from "../remote.ts";
import type { Storage } from "../storage.ts";

setDefaultCACertificates([...getCACertificates("default"), authority]);

interface Bench extends AsyncDisposable {
  readonly site: Site;
  readonly storage: Storage;
  readonly cacheDir: string;
  /** at gives the base path of a file of the site. */
  at(path: string): string;
  /** counted gives how often the site was asked by a method. */
  counted(method: string): number;
}

async function bench(options: Partial<RemoteOptions> = {}, scheme: "http" | "https" = "https"): Promise<Bench> {
  const dir = scratch();
  const site = await startSite(scheme);
  const defaults = { clock: systemClock(), logger: silent, random: () => 0, firstRetryMs: 1 };
  const remote = await openRemoteStorages({ ...defaults, cacheDir: dir.path, ...options });
  return {
    site,
    storage: remote.storages[scheme]!,
    cacheDir: dir.path,
    at: (path) => `${site.url}${path}`,
    counted: (method) => site.visits.filter((visit) => visit.method === method).length,
    async [Symbol.asyncDispose]() {
      await remote[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

const failsWith =
  (code: Code, text: RegExp) =>
  (err: unknown): boolean => {
    assert.equal((err as Failure).code, code, String(err));
    assert.match((err as Failure).message, text);
    return true;
  };

const one = modelFiles("half_plus_two/1");
const two = modelFiles("half_plus_two/2");
const both = [...entriesOf(one, "1/"), ...entriesOf(two, "2/")];

/** changed looks until the names are other ones. */
async function changed(storage: Storage, basePath: string, from: readonly string[]): Promise<readonly string[]> {
  for (;;) {
    const names = await storage.list(background(), basePath);
    if (names !== from) return names;
  }
}

const layouts: {
  readonly name: string;
  readonly path: string;
  readonly bytes: () => Promise<Buffer>;
  readonly want: Readonly<Record<string, ReadonlyMap<string, Buffer>>>;
}[] = [
  { name: "version folders in a .tar.gz", path: "/m.tar.gz", bytes: () => tarGzOf(both), want: { 1: one, 2: two } },
  {
    name: "version folders in a .tgz, in a folder more",
    path: "/m.tgz",
    bytes: () => tarGzOf([...entriesOf(one, "m/1/"), ...entriesOf(two, "m/2/")]),
    want: { 1: one, 2: two },
  },
  {
    name: "version folders in a .tar, as `tar c .` names them",
    path: "/m.tar",
    bytes: () => tarOf([{ name: "./", type: "directory" }, { name: "./1/", type: "directory" }, ...entriesOf(one, "./1/")]),
    want: { 1: one },
  },
  { name: "version folders in a .zip", path: "/m.zip", bytes: () => zipOf([{ name: "1/", type: "directory" }, ...both]), want: { 1: one, 2: two } },
  {
    name: "what a Mac packs beside",
    path: "/m.zip",
    bytes: () => zipOf([...entriesOf(one, "m/1/"), { name: "__MACOSX/m/._1", bytes: "x" }, { name: ".git/x", bytes: "x" }]),
    want: { 1: one },
  },
  { name: "leading zeros", path: "/m.zip", bytes: () => zipOf(entriesOf(one, "00000123/")), want: { "00000123": one } },
  { name: "one SavedModel, numbered by the archive's name", path: "/model-7.tar.gz", bytes: () => tarGzOf(entriesOf(one)), want: { 7: one } },
  { name: "one SavedModel, whose archive's name is a number", path: "/m/42.zip", bytes: () => zipOf(entriesOf(one)), want: { 42: one } },
  { name: "one SavedModel, numbered by the folder of the archive", path: "/m/9/model.tar", bytes: () => tarOf(entriesOf(one)), want: { 9: one } },
  { name: "one SavedModel in a folder, with a version in its name", path: "/net_v3.tar.gz", bytes: () => tarGzOf(entriesOf(one, "net/")), want: { 3: one } },
  { name: "one SavedModel without a number is version 1", path: "/resnet50.tar.gz", bytes: () => tarGzOf(entriesOf(one)), want: { 1: one } },
  { name: "a number with dots is none", path: "/m-1.2.3.tar.gz", bytes: () => tarGzOf(entriesOf(one)), want: { 1: one } },
  { name: "a name that says another kind than it is", path: "/m-5.zip", bytes: () => tarGzOf(entriesOf(one)), want: { 5: one } },
  { name: "no name at all", path: "/download?id=5", bytes: () => zipOf(entriesOf(one)), want: { 1: one } },
];
for (const { name, path, bytes, want } of layouts) {
  test(`an archive holds ${name}`, async () => {
    await using b = await bench();
    b.site.put(path.replace(/\?.*/, ""), await bytes());
    const names = await b.storage.list(background(), b.at(path));
    assert.deepEqual([...names].sort(), Object.keys(want).sort());
    for (const [version, files] of Object.entries(want)) {
      await using brought = await b.storage.bring(background(), b.storage.join(b.at(path), version));
      assert.deepEqual(filesOf(brought.dir), files);
    }
    assert.equal(b.counted("GET"), 1);
  });
}

test("looking again asks by HEAD whether it is the same, and gives the same array", async () => {
  await using b = await bench();
  b.site.put("/m.tar.gz", await tarGzOf(both));
  const first = await b.storage.list(background(), b.at("/m.tar.gz"));
  for (let i = 0; i < 3; i++) assert.equal(await b.storage.list(background(), b.at("/m.tar.gz")), first);
  assert.deepEqual(
    b.site.visits.map(({ method, status }) => `${method} ${status}`),
    ["GET 200", "HEAD 304", "HEAD 304", "HEAD 304"],
  );
});

test("an archive that changes is a new listing, which comes when it is here; what was brought before stays", async () => {
  await using b = await bench();
  const path = b.at("/m.tar.gz");
  b.site.put("/m.tar.gz", await tarGzOf(entriesOf(one, "1/")));
  const first = await b.storage.list(background(), path);
  await using old = await b.storage.bring(background(), b.storage.join(path, "1"));
  b.site.put("/m.tar.gz", await tarGzOf(entriesOf(two, "2/")));
  assert.equal(await b.storage.list(background(), path), first);
  const second = await changed(b.storage, path, first);
  assert.deepEqual(second, ["2"]);
  assert.equal(b.counted("GET"), 2);
  assert.deepEqual(filesOf(old.dir), one);
  await old[Symbol.asyncDispose]();
  await assert.rejects(
    b.storage.bring(background(), b.storage.join(path, "1")),
    failsWith(Code.NotFound, /^https:\/\/127\.0\.0\.1:\d+\/m\.tar\.gz has no version 1$/),
  );
  assert.equal(downloads(b.cacheDir).length, 1);
});

test("an archive that goes away is NotFound, and its listing comes back with it", async () => {
  await using b = await bench();
  const bytes = await tarGzOf(both);
  b.site.put("/m.tar.gz", bytes);
  const first = await b.storage.list(background(), b.at("/m.tar.gz"));
  b.site.remove("/m.tar.gz");
  await assert.rejects(b.storage.list(background(), b.at("/m.tar.gz")), failsWith(Code.NotFound, /\/m\.tar\.gz: HTTP 404$/));
  b.site.put("/m.tar.gz", bytes);
  assert.equal(await b.storage.list(background(), b.at("/m.tar.gz")), first);
  assert.equal(b.counted("GET"), 1);
});

test("a server that answers only GET is asked by GET whether it is the same", async () => {
  await using b = await bench();
  b.site.before = ({ method }, response) => method === "HEAD" && response.writeHead(403).end() !== undefined;
  b.site.put("/m.tar.gz", await tarGzOf(both));
  const first = await b.storage.list(background(), b.at("/m.tar.gz"));
  for (let i = 0; i < 3; i++) assert.equal(await b.storage.list(background(), b.at("/m.tar.gz")), first);
  assert.deepEqual(
    b.site.visits.map(({ method, status }) => `${method} ${status}`),
    ["GET 200", "HEAD 403", "GET 304", "GET 304", "GET 304"],
  );
});

test("a server without tags is asked by dates and lengths", async () => {
  await using b = await bench();
  const bytes = await tarGzOf(both);
  b.site.before = ({ method }, response) => {
    response.writeHead(200, { "last-modified": "Fri, 01 May 2026 10:00:00 GMT", "content-length": bytes.byteLength });
    return response.end(method === "HEAD" ? undefined : bytes) !== undefined;
  };
  const first = await b.storage.list(background(), b.at("/m.tar.gz"));
  assert.equal(await b.storage.list(background(), b.at("/m.tar.gz")), first);
  assert.equal(b.counted("GET"), 1);
});

test("many who want the same archive download it once, and one who leaves takes it from nobody", async () => {
  await using b = await bench();
  b.site.put("/m.tar.gz", await tarGzOf(both));
  using ctx = withCancel(background());
  const leaving = b.storage.list(ctx, b.at("/m.tar.gz"));
  const staying = [b.storage.list(background(), b.at("/m.tar.gz")), b.storage.bring(background(), b.storage.join(b.at("/m.tar.gz"), "2"))] as const;
  ctx.cancel();
  await assert.rejects(leaving, failsWith(Code.Canceled, /^canceled$/));
  assert.deepEqual([...(await staying[0])].sort(), ["1", "2"]);
  await using brought = await staying[1];
  assert.deepEqual(filesOf(brought.dir), two);
  assert.equal(b.counted("GET"), 1);
});

test("a download that nobody waits for any more ends, and nothing of it stays", async () => {
  await using b = await bench();
  let reached = (): void => {};
  const hanging = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const gone = new Promise<void>((resolve) => {
    b.site.before = (_, response) => {
      response.once("close", resolve);
      response.writeHead(200, { etag: '"a"' }).write("some", () => reached());
      return true;
    };
  });
  using ctx = withCancel(background());
  const listing = b.storage.list(ctx, b.at("/m.tar.gz"));
  await hanging;
  ctx.cancel();
  await assert.rejects(listing, failsWith(Code.Canceled, /^canceled$/));
  await gone;
  b.site.before = undefined;
  b.site.put("/m.tar.gz", await tarGzOf(both));
  assert.equal((await b.storage.list(background(), b.at("/m.tar.gz"))).length, 2);
  assert.equal(downloads(b.cacheDir).length, 1);
});

test("a first look whose time is up goes on: it is answered when the archive is here, which is downloaded once", async () => {
  await using b = await bench();
  const bytes = await tarGzOf(both);
  let finish = (): void => {};
  const begun = new Promise<void>((resolve) => {
    b.site.before = (_, response) => {
      response.writeHead(200, { etag: '"a"' }).write(bytes.subarray(0, 100), () => resolve());
      finish = () => response.end(bytes.subarray(100));
      return true;
    };
  });
  using ctx = withTimeout(background(), 50);
  const listing = b.storage.list(ctx, b.at("/m.tar.gz"));
  await Promise.all([begun, done(ctx)]);
  finish();
  assert.deepEqual([...(await listing)].sort(), ["1", "2"]);
  assert.equal(b.counted("GET"), 1);
});

test("a download that breaks off goes on from where it was, if it is still the same", async () => {
  await using b = await bench();
  const bytes = await tarOf([...both, { name: "1/big", bytes: Buffer.alloc(400_000, "x") }]);
  b.site.put("/m.tar", bytes);
  b.site.cuts = 2;
  assert.deepEqual([...(await b.storage.list(background(), b.at("/m.tar")))].sort(), ["1", "2"]);
  const gets = b.site.visits.filter(({ method }) => method === "GET");
  assert.deepEqual(
    gets.map(({ status }) => status),
    [200, 206, 206],
  );
  for (const { range } of gets.slice(1)) assert.match(range ?? "", /^bytes=[1-9]\d*-$/);
});

test("a download that breaks off begins anew where the server gives no parts, and takes no more of the limit for it", async () => {
  const bytes = await tarOf(entriesOf(one, "1/"));
  await using b = await bench({ limitBytes: bytes.byteLength });
  let cuts = 2;
  b.site.before = (_, response) => {
    response.writeHead(200, { etag: 'W/"weak"', "content-length": bytes.byteLength });
    if (cuts-- > 0) response.write(bytes.subarray(0, -100), () => response.destroy());
    else response.end(bytes);
    return true;
  };
  assert.deepEqual(await b.storage.list(background(), b.at("/m.tar")), ["1"]);
  assert.deepEqual(
    b.site.visits.map(({ range }) => range),
    [undefined, undefined, undefined],
  );
  await using brought = await b.storage.bring(background(), b.storage.join(b.at("/m.tar"), "1"));
  assert.deepEqual(filesOf(brought.dir), one);
});

test("a server that stays broken is Unavailable after a few tries; no half archive is unpacked", async () => {
  await using b = await bench({ tries: 3 });
  b.site.before = (_, response) => {
    response.writeHead(200, { "content-length": 1000 }).write("some", () => response.destroy());
    return true;
  };
  await assert.rejects(b.storage.list(background(), b.at("/m.tar.gz")), failsWith(Code.Unavailable, /\/m\.tar\.gz: the answer broke off$/));
  assert.equal(b.counted("GET"), 3);
  assert.deepEqual(downloads(b.cacheDir), []);
});

for (const [status, code] of [
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.NotFound],
] as const) {
  test(`HTTP ${status} is told by code and URL, without what follows the path`, async () => {
    await using b = await bench();
    b.site.before = (_, response) => response.writeHead(status).end() !== undefined;
    await assert.rejects(
      b.storage.list(background(), b.at("/m.tar.gz?signature=secret")),
      failsWith(code, new RegExp(`^https://127\\.0\\.0\\.1:\\d+/m\\.tar\\.gz: HTTP ${status}$`)),
    );
    assert.equal(b.counted("GET"), 1);
  });
}

test("an archive of zeros that would fill the disk is refused when it passes the limit, and not fetched again before it changes", async () => {
  await using b = await bench({ limitBytes: 1 << 20 });
  const bomb = gzipSync(await tarOf([{ name: "1/saved_model.pb", bytes: Buffer.alloc(8 << 20) }]));
  assert.ok(bomb.byteLength < 1 << 14);
  b.site.put("/m.tar.gz", bomb);
  const refused = failsWith(Code.ResourceExhausted, /\/m\.tar\.gz, unpacked, has more than the 1048576 bytes/);
  await assert.rejects(b.storage.list(background(), b.at("/m.tar.gz")), refused);
  await assert.rejects(b.storage.list(background(), b.at("/m.tar.gz")), refused);
  assert.equal(b.counted("GET"), 1);
  assert.deepEqual(downloads(b.cacheDir), []);
  b.site.put("/m.tar.gz", await tarGzOf(entriesOf(one, "1/")));
  assert.deepEqual(await b.storage.list(background(), b.at("/m.tar.gz")), ["1"]);
});

test("a changed archive that is a bomb leaves the names and the versions that were", async () => {
  const heard = newHeard();
  await using b = await bench({ limitBytes: 1 << 20, logger: heard.logger });
  b.site.put("/m.tar.gz", await tarGzOf(entriesOf(one, "1/")));
  const first = await b.storage.list(background(), b.at("/m.tar.gz"));
  b.site.put("/m.tar.gz", gzipSync(await tarOf([{ name: "2/saved_model.pb", bytes: Buffer.alloc(8 << 20) }])));
  assert.deepEqual(await b.storage.list(background(), b.at("/m.tar.gz")), first);
  await heard.line(/WARN an archive that has changed cannot be fetched .*RESOURCE_EXHAUSTED/);
  for (let i = 0; i < 3; i++) assert.deepEqual(await b.storage.list(background(), b.at("/m.tar.gz")), ["1"]);
  assert.equal(b.counted("GET"), 2);
  await using brought = await b.storage.bring(background(), b.storage.join(b.at("/m.tar.gz"), "1"));
  assert.deepEqual(filesOf(brought.dir), one);
});

test("a changed archive that cannot be had is tried with each look, and told once", async () => {
  const heard = newHeard();
  await using b = await bench({ tries: 1, logger: heard.logger });
  b.site.put("/m.tar.gz", await tarGzOf(entriesOf(one, "1/")));
  const first = await b.storage.list(background(), b.at("/m.tar.gz"));
  b.site.put("/m.tar.gz", await tarGzOf(both));
  b.site.before = ({ method }, response) => method === "GET" && response.writeHead(503).end() !== undefined;
  while (b.counted("GET") < 5) assert.equal(await b.storage.list(background(), b.at("/m.tar.gz")), first);
  b.site.before = undefined;
  assert.deepEqual([...(await changed(b.storage, b.at("/m.tar.gz"), first))].sort(), ["1", "2"]);
  assert.equal(heard.lines.filter((line) => line.includes("an archive that has changed cannot be fetched")).length, 1);
});

test("a bomb in a .zip, and an archive too long to download", async () => {
  await using b = await bench({ limitBytes: 1 << 20 });
  b.site.put("/m.zip", await zipOf([{ name: "1/saved_model.pb", bytes: Buffer.alloc(8 << 20) }]));
  await assert.rejects(b.storage.list(background(), b.at("/m.zip")), failsWith(Code.ResourceExhausted, /\/m\.zip, unpacked, has more than the 1048576 bytes/));
  b.site.put("/m.tar", await tarOf([{ name: "1/saved_model.pb", bytes: Buffer.alloc(8 << 20) }]));
  await assert.rejects(b.storage.list(background(), b.at("/m.tar")), failsWith(Code.ResourceExhausted, /\/m\.tar has more than the 1048576 bytes/));
  assert.deepEqual(downloads(b.cacheDir), []);
});

test("a hundred thousand files are too many", async () => {
  await using b = await bench();
  const header = await tarOf([{ name: "1/", type: "directory" }]);
  b.site.put("/m.tar.gz", gzipSync(Buffer.concat([...Array.from({ length: 100_001 }, () => header.subarray(0, 512)), header.subarray(512)]), { level: 1 }));
  await assert.rejects(
    b.storage.list(background(), b.at("/m.tar.gz")),
    failsWith(Code.ResourceExhausted, /has more than the 100000 files that an archive may have$/),
  );
});

const outside = ["../evil", "1/../../evil", "/etc/evil", "1/./../x", "C:/evil", "a\\..\\evil", "1//evil"];
const hostile: { readonly name: string; readonly entry: Entry; readonly text: RegExp }[] = [
  ...outside.map((name) => ({ name: `a file named ${name}`, entry: { name, bytes: "evil" }, text: /has a file that would lie outside of it: / })),
  { name: "a folder outside", entry: { name: "../evil/", type: "directory" }, text: /has a file that would lie outside of it: "\.\.\/evil/ },
  {
    name: "a link out of it",
    entry: { name: "1/x", type: "symlink", linkname: "/etc" },
    text: /has a symlink, and only files and folders are unpacked: "1\/x"/,
  },
  { name: "a link within it", entry: { name: "1/x", type: "symlink", linkname: "saved_model.pb" }, text: /has a symlink/ },
  { name: "a hard link", entry: { name: "1/x", type: "link", linkname: "../../etc/passwd" }, text: /has a link/ },
  { name: "a device", entry: { name: "1/x", type: "character-device" }, text: /has a character-device/ },
  { name: "a disk", entry: { name: "1/x", type: "block-device" }, text: /has a block-device/ },
  { name: "a pipe", entry: { name: "1/x", type: "fifo" }, text: /has a fifo/ },
  { name: "a file twice", entry: { name: "1/saved_model.pb", bytes: "other" }, text: /at "1\/saved_model\.pb": there is another file or folder of that name$/ },
  { name: "a file where a folder is", entry: { name: "1/variables", bytes: "x" }, text: /at "1\/variables": there is another file or folder of that name$/ },
  { name: "a file below a file", entry: { name: "1/saved_model.pb/x", bytes: "x" }, text: /there is another file or folder of that name$/ },
];
for (const { name, entry, text } of hostile) {
  test(`a .tar.gz with ${name} is refused by name, and nothing of it stays`, async () => {
    await using b = await bench();
    b.site.put("/m.tar.gz", await tarGzOf([...both, entry]));
    await assert.rejects(b.storage.list(background(), b.at("/m.tar.gz")), failsWith(Code.InvalidArgument, text));
    assert.deepEqual(downloads(b.cacheDir), []);
  });
}

/** renamed gives a .zip whose file `evil` has another name of four bytes a part: packers refuse such names. */
async function renamed(to: string): Promise<Buffer> {
  const from = "x".repeat(to.length);
  const bytes = await zipOf([...both, { name: from, bytes: "evil" }]);
  return Buffer.from(bytes.toString("latin1").replaceAll(from, to), "latin1");
}
for (const name of outside) {
  test(`a .zip with a file named ${name} is refused by name`, async () => {
    await using b = await bench();
    b.site.put("/m.zip", await renamed(name));
    await assert.rejects(b.storage.list(background(), b.at("/m.zip")), failsWith(Code.InvalidArgument, /has a file that would lie outside of it: /));
    assert.deepEqual(downloads(b.cacheDir), []);
  });
}
test("a .zip with a link is refused by name", async () => {
  await using b = await bench();
  b.site.put("/m.zip", await zipOf([{ name: "1/x", bytes: "/etc/passwd" }], 0o120777));
  await assert.rejects(
    b.storage.list(background(), b.at("/m.zip")),
    failsWith(Code.InvalidArgument, /has a symlink, and only files and folders are unpacked: "1\/x"$/),
  );
});

const damages: { readonly name: string; readonly path: string; readonly bytes: () => Promise<Buffer> | Buffer }[] = [
  { name: "a web page", path: "/m.tar.gz", bytes: () => Buffer.from(`<!doctype html><title>Log in</title>${" ".repeat(2000)}`) },
  { name: "a .tar.gz that is cut off", path: "/m.tar.gz", bytes: async () => (await tarGzOf(both)).subarray(0, -20) },
  { name: "a .tar.gz with a flipped bit", path: "/m.tar.gz", bytes: async () => flipped(await tarGzOf(both)) },
  { name: "a .tar that is cut off", path: "/m.tar", bytes: async () => (await tarOf(both)).subarray(0, 700) },
  { name: "a .zip that is cut off", path: "/m.zip", bytes: async () => (await zipOf(both)).subarray(0, -30) },
  { name: "a .zip with a flipped bit", path: "/m.zip", bytes: async () => flipped(await zipOf(both)) },
  { name: "a .zip that is not compressed, with a flipped bit", path: "/m.zip", bytes: async () => flipped(await zipOf(both, undefined, false)) },
];
function flipped(bytes: Buffer): Buffer {
  bytes[Math.floor(bytes.byteLength / 3)]! ^= 0x10;
  return bytes;
}
for (const { name, path, bytes } of damages) {
  test(`${name} is DataLoss, and is not fetched again before it changes`, async () => {
    await using b = await bench();
    b.site.put(path, await bytes());
    for (let i = 0; i < 2; i++)
      await assert.rejects(
        b.storage.list(background(), b.at(path)),
        failsWith(Code.DataLoss, /^https:\/\/127\.0\.0\.1:\d+\/m\S* is damaged, or no \.tar\.gz, \.tgz, \.tar or \.zip$/),
      );
    assert.equal(b.counted("GET"), 1);
    assert.deepEqual(downloads(b.cacheDir), []);
  });
}

test("an archive without a model says what it lacks", async () => {
  await using b = await bench();
  for (const entries of [[], [{ name: "a/b/c/saved_model.pb" }], [{ name: "readme" }], [{ name: "a/x" }, { name: "b/x" }]] satisfies Entry[][]) {
    b.site.put("/m.tar", await tarOf(entries));
    await assert.rejects(
      b.storage.list(background(), b.at("/m.tar")),
      failsWith(Code.FailedPrecondition, /holds neither folders whose names are numbers nor a saved_model\.pb$/),
    );
  }
});

test("http:// is read only if that is allowed, and redirects lead nowhere else", async () => {
  const bytes = await tarGzOf(both);
  await using plain = await bench({}, "http");
  plain.site.put("/m.tar.gz", bytes);
  await assert.rejects(
    plain.storage.list(background(), plain.at("/m.tar.gz")),
    failsWith(Code.FailedPrecondition, /^the archive is http:\/\/.*, which is not https:\/\/; --allow_http_archives/),
  );
  assert.deepEqual(plain.site.visits, []);
  await using b = await bench();
  b.site.before = (_, response) => response.writeHead(302, { location: plain.at("/m.tar.gz") }).end() !== undefined;
  await assert.rejects(b.storage.list(background(), b.at("/m.tar.gz")), failsWith(Code.FailedPrecondition, /^the archive redirects to http:\/\//));
  assert.deepEqual(plain.site.visits, []);
  await using allowed = await bench({ allowHttp: true }, "http");
  allowed.site.put("/m.tar.gz", bytes);
  assert.equal((await allowed.storage.list(background(), allowed.at("/m.tar.gz"))).length, 2);
});

test("redirects are followed, a few", async () => {
  await using b = await bench();
  b.site.put("/m.tar.gz", await tarGzOf(both));
  b.site.before = ({ url }, response) => url === "/latest" && response.writeHead(302, { location: "/m.tar.gz" }).end() !== undefined;
  assert.equal((await b.storage.list(background(), b.at("/latest"))).length, 2);
  b.site.before = (_, response) => response.writeHead(307, { location: "/round" }).end() !== undefined;
  await assert.rejects(b.storage.list(background(), b.at("/round")), failsWith(Code.FailedPrecondition, /\/round: redirected more than 5 times$/));
});

for (const [path, text] of [
  ["https://", /is no URL$/],
  ["https://user:secret@127.0.0.1/m.zip", /^https:\/\/127\.0\.0\.1\/m\.zip: a base path holds no user and no password$/],
  ["https://127.0.0.1/m.zip#1", /^https:\/\/127\.0\.0\.1\/m\.zip: a base path ends before the #$/],
] as const) {
  test(`the base path ${path} is refused`, async () => {
    await using b = await bench();
    await assert.rejects(b.storage.list(background(), path), failsWith(Code.InvalidArgument, text));
  });
}

test("a certificate that nobody vouches for is said by name", async () => {
  await using b = await bench();
  setDefaultCACertificates([]);
  try {
    await assert.rejects(
      b.storage.list(background(), b.at("/m.zip")),
      failsWith(Code.Unavailable, /\/m\.zip: cannot be reached \([A-Z_]*(CERT|ISSUER|SIGNATURE)[A-Z_]*\)$/),
    );
  } finally {
    setDefaultCACertificates([...getCACertificates("bundled"), authority]);
  }
});

test("an unpacked archive is let go of when no version of it was used for a while, and comes back when one is", async () => {
  const clock = fakeClock();
  await using b = await bench({ clock, keepMs: 1000 });
  b.site.put("/m.tar.gz", await tarGzOf(both));
  await b.storage.list(background(), b.at("/m.tar.gz"));
  const first = await b.storage.bring(background(), b.storage.join(b.at("/m.tar.gz"), "1"));
  const second = await b.storage.bring(background(), b.storage.join(b.at("/m.tar.gz"), "2"));
  await clock.advance(5000);
  assert.deepEqual(filesOf(first.dir), one);
  await first[Symbol.asyncDispose]();
  await clock.advance(5000);
  assert.deepEqual(filesOf(second.dir), two);
  await second[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  assert.equal(downloads(b.cacheDir).length, 1);
  await clock.advance(1000);
  while (downloads(b.cacheDir).length > 0) await turn();
  assert.equal(b.counted("GET"), 1);
  await using again = await b.storage.bring(background(), b.storage.join(b.at("/m.tar.gz"), "1"));
  assert.deepEqual(filesOf(again.dir), one);
  assert.equal(b.counted("GET"), 2);
});

test("a model is served from https://, follows its archive, and leaves nothing behind", async () => {
  using dir = scratch();
  await using site = await startSite();
  site.put("/m.tar.gz", await tarGzOf(entriesOf(one, "1/")));
  const remote = await remoteStorages({ cacheDir: dir.path });
  const heard = newHeard();
  await using served = await serve([{ name: "m", basePath: `${site.url}/m.tar.gz` }], { storages: remote.storages, pollMs: 10, logger: heard.logger });
  const predict = async () => {
    const response = await fetch(`${served.rest}/v1/models/m:predict`, { method: "POST", body: '{"instances":[1.0]}' });
    return { status: response.status, body: await response.json() };
  };
  assert.deepEqual(await predict(), { status: 200, body: { predictions: [2.5] } });
  site.put("/m.tar.gz", await tarGzOf(both));
  await heard.line(/ unloaded .*version=1/);
  assert.deepEqual(await predict(), { status: 200, body: { predictions: [3.5] } });
  await served.server.drain(0);
  await remote[Symbol.asyncDispose]();
  assert.deepEqual(filesOf(dir.path), new Map());
});

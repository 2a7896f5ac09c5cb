import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { crc32 } from "node:zlib";
import { filesOf, type Library } from "@tfs/engine";
import { Code, type Ctx, failureOf, newError, throwIfDone } from "@tfs/std";
import type { Entry, ZipFile } from "yauzl";
import { local } from "./local.ts";

/** Licences lie in the wheel's .dist-info (PEP 639, and the habit before it); TensorFlow's wheel has its own among the headers, and notices of others' code beside the libraries. */
const licence = /^[^/]+\.dist-info\/(?:licenses\/.+|(?:LICEN[CS]E|NOTICE|COPYING)[^/]*)$|^[^/]+\/(?:THIRD_PARTY_NOTICES\.txt|include\/LICENSE)$/i;

/** Member is one file of a wheel that is kept. */
export interface Member {
  readonly entry: Entry;
  /** file is its name in the folder, without folders. */
  readonly file: string;
  readonly kind: "library" | "licence";
}

/** OpenWheel is a wheel's members that are kept; closing it closes the file. */
export interface OpenWheel extends Disposable {
  readonly members: readonly Member[];
  readonly sizeBytes: number;
  /** unpack writes a member into a folder, unless it is there already, whole. */
  unpack(ctx: Ctx, member: Member, dir: string, onBytes: (bytes: number) => void): Promise<void>;
}

/** openWheel reads a wheel's directory. Throws DataLoss if it is damaged, FailedPrecondition if it lacks a part of the library. */
export async function openWheel(file: string, library: Library): Promise<OpenWheel> {
  const { openPromise } = await import("yauzl");
  const what = basename(file);
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(file, { lazyEntries: true, autoClose: false });
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) if (!entry.fileName.endsWith("/")) entries.push(entry);
    const members = chosen(what, entries, library);
    const sizeBytes = members.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
    const opened = zip;
    return {
      members,
      sizeBytes,
      unpack: (ctx, member, dir, onBytes) => unpack(ctx, opened, what, { member, dir, onBytes }),
      [Symbol.dispose]: () => opened.close(),
    };
  } catch (err) {
    zip?.close();
    throw failureOf(err) ?? newError(Code.DataLoss, `${what} is damaged: ${err instanceof Error ? err.message : String(err)}`, err);
  }
}

/** chosen picks the library's files and the licences. What lies in folders there lies in one here: a name that is taken already is the whole path. */
function chosen(what: string, entries: readonly Entry[], library: Library): Member[] {
  const libraries = new Map(entries.map((entry) => [basename(entry.fileName), entry]));
  const { files, missing } = filesOf(library, libraries.keys());
  if (missing.length > 0) throw newError(Code.FailedPrecondition, `${what} does not hold ${missing.join(" and ")}: another version may`);
  const members = new Map<string, Member>(files.map((file) => [file, { entry: libraries.get(file)!, file, kind: "library" }]));
  for (const entry of entries) {
    if (!licence.test(entry.fileName)) continue;
    const file = members.has(basename(entry.fileName)) ? entry.fileName.replaceAll("/", "_") : basename(entry.fileName);
    members.set(file, { entry, file, kind: "licence" });
  }
  return [...members.values()];
}

interface Unpacking {
  readonly member: Member;
  readonly dir: string;
  readonly onBytes: (bytes: number) => void;
}

async function unpack(ctx: Ctx, zip: ZipFile, what: string, { member: { entry, file }, dir, onBytes }: Unpacking): Promise<void> {
  const path = join(dir, file);
  if ((await stat(path).catch(() => undefined))?.size === entry.uncompressedSize && (await crcOf(ctx, createReadStream(path))) === entry.crc32) {
    onBytes(entry.uncompressedSize);
    return;
  }
  const part = `${path}${partial}`;
  const handle = await local(dir, () => open(part, "w", 0o644));
  try {
    const body = await zip.openReadStreamPromise(entry).catch((err: unknown) => {
      throw newError(Code.DataLoss, `${file} in ${what} is damaged`, err);
    });
    const crc = await crcOf(ctx, unbroken(file, what, body), async (chunk) => {
      await local(dir, () => handle.writeFile(chunk));
      onBytes(chunk.byteLength);
    });
    if (crc !== entry.crc32) throw newError(Code.DataLoss, `${file} in ${what} is damaged: its checksum is wrong`);
    await local(dir, () => handle.sync());
  } finally {
    await handle.close();
  }
  await local(dir, () => rename(part, path));
}

/** partial is what names end in of files that are being written. */
export const partial = ".partial";

async function* unbroken(file: string, what: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (err) {
    throw newError(Code.DataLoss, `${file} in ${what} is damaged`, err);
  }
}

async function crcOf(ctx: Ctx, body: AsyncIterable<Uint8Array>, use: (chunk: Uint8Array) => Promise<void> = async () => {}): Promise<number> {
  let crc = 0;
  for await (const chunk of body) {
    throwIfDone(ctx);
    crc = crc32(chunk, crc);
    await use(chunk);
  }
  return crc;
}

/** sha256Of gives a file's checksum, in hexadecimal digits. */
export async function sha256Of(ctx: Ctx, file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
    throwIfDone(ctx);
    hash.update(chunk);
  }
  return hash.digest("hex");
}

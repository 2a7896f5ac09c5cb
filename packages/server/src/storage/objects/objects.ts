import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Code, type Ctx, type Logger, newError, newGroup } from "@tfs/std";
import type { Cache } from "../cache.ts";
import { type Allowance, download, local, newAllowance, type Remote } from "../download.ts";
import { partsOf } from "../names.ts";
import { type Patience, retry } from "../retry.ts";
import type { Brought, Storage } from "../storage.ts";
import { unhurried } from "../unhurried.ts";

/** StoredObject is one object as a listing tells of it. */
export interface StoredObject {
  readonly key: string;
  /** sizeBytes is what reading it gives; undefined if nobody knows before. */
  readonly sizeBytes: number | undefined;
  /** stamp is another one when the object is another one. */
  readonly stamp: string;
}

export interface PageQuery {
  readonly prefix: string;
  /** folders asks for what keys have in common up to the next slash, instead of for all keys. */
  readonly folders: boolean;
  /** token is the `next` of the page before. */
  readonly token: string | undefined;
}

export interface Page {
  readonly prefixes: readonly string[];
  readonly objects: readonly StoredObject[];
  readonly next: string | undefined;
}

/** ObjectStore is what is asked of a service that keeps objects. What fails in a way that may pass throws Unavailable. */
export interface ObjectStore {
  page(ctx: Ctx, bucket: string, query: PageQuery): Promise<Page>;
  /** read hands on an object's bytes, as Remote does. Throws Aborted if the object is no longer the one that was listed. */
  read(ctx: Ctx, bucket: string, object: StoredObject, offset: number, use: Parameters<Remote["read"]>[2]): Promise<void>;
}

export interface ObjectStorageOptions {
  readonly store: ObjectStore;
  readonly cache: Cache;
  readonly patience: Patience;
  readonly logger: Logger;
  /** life ends looks that nobody waits for. */
  readonly life: Ctx;
  /** limitBytes bounds one version. */
  readonly limitBytes: number;
  /** parallel is how many objects of one version are downloaded at a time. */
  readonly parallel: number;
  /** stallMs is as in DownloadOptions. */
  readonly stallMs?: number;
}

/** Children that one base path may have, and objects that one version may have. */
const childrenMax = 100_000;
const objectsMax = 100_000;

/** newObjectStorage keeps versions in a bucket: each is what is below a common prefix, and is downloaded when it is brought. */
export function newObjectStorage(options: ObjectStorageOptions): Storage {
  return new ObjectStorage(options);
}

class ObjectStorage implements Storage {
  readonly #options: ObjectStorageOptions;
  readonly #known = new Map<string, readonly string[]>(); // as many as there are base paths

  constructor(options: ObjectStorageOptions) {
    this.#options = options;
  }

  async list(ctx: Ctx, basePath: string): Promise<readonly string[]> {
    const { bucket, prefix } = placeOf(basePath);
    using look = unhurried(ctx, this.#options.life);
    const names: string[] = [];
    let exists = prefix === "";
    for await (const { prefixes, objects } of this.#pages(look, bucket, prefix, true)) {
      for (const found of prefixes) names.push(found.slice(prefix.length).replace(/\/$/, ""));
      exists ||= prefixes.length > 0 || objects.length > 0;
      if (names.length > childrenMax) throw newError(Code.ResourceExhausted, `${basePath} has more than ${childrenMax} folders below it`);
    }
    if (!exists) throw newError(Code.NotFound, `${basePath} not found`);
    const before = this.#known.get(basePath);
    if (before !== undefined && before.length === names.length && before.every((name, i) => name === names[i])) return before;
    this.#known.set(basePath, names);
    return names;
  }

  join(basePath: string, child: string): string {
    return `${basePath.replace(/\/+$/, "")}/${child}`;
  }

  /** bring downloads a version. Throws Aborted if it has changed meanwhile: somebody is still uploading it. */
  async bring(ctx: Ctx, path: string): Promise<Brought> {
    const { cache, logger, limitBytes, patience } = this.#options;
    const { bucket, prefix } = placeOf(path);
    const began = patience.clock.now();
    const objects = await this.#objects(ctx, path, bucket, prefix);
    const files = filesOf(path, prefix, objects);
    const room = await cache.room(path);
    try {
      await this.#downloadAll(ctx, path, bucket, files, room.dir, newAllowance(limitBytes, path));
      const after = await this.#objects(ctx, path, bucket, prefix);
      if (!sameObjects(objects, after)) throw newError(Code.Aborted, `${path} changed while it was downloaded`);
      const dir = await room.seal();
      logger.info("downloaded", { path, files: files.length, ms: Math.round(patience.clock.now() - began) });
      return { dir, [Symbol.asyncDispose]: () => room[Symbol.asyncDispose]() };
    } catch (err) {
      await room[Symbol.asyncDispose]();
      throw err;
    }
  }

  async #downloadAll(ctx: Ctx, path: string, bucket: string, files: readonly File[], dir: string, allowance: Allowance): Promise<void> {
    const { store, patience, parallel, stallMs } = this.#options;
    for (const folder of new Set(files.map(({ parts }) => parts.slice(0, -1).join("/"))))
      await local(path, () => mkdir(join(dir, folder), { recursive: true }));
    const options = { patience, allowance, ...(stallMs === undefined ? {} : { stallMs }) };
    const queue = files[Symbol.iterator]();
    const group = newGroup(ctx);
    for (let i = 0; i < Math.min(parallel, files.length); i++) {
      group.go(async (task) => {
        for (const { object, parts } of queue) {
          const what = `${path.replace(/:.*/s, "")}://${bucket}/${object.key}`;
          const remote: Remote = { what, sizeBytes: object.sizeBytes, read: (c, offset, use) => store.read(c, bucket, object, offset, use) };
          await download(task, remote, join(dir, ...parts), options);
        }
      });
    }
    await group.wait();
  }

  async #objects(ctx: Ctx, path: string, bucket: string, prefix: string): Promise<StoredObject[]> {
    const { limitBytes } = this.#options;
    const all: StoredObject[] = [];
    const listed = newAllowance(limitBytes, path);
    for await (const { objects } of this.#pages(ctx, bucket, prefix, false)) {
      for (const object of objects) {
        listed.take(object.sizeBytes ?? 0);
        all.push(object);
      }
      if (all.length > objectsMax) throw newError(Code.ResourceExhausted, `${path} has more than the ${objectsMax} objects that a version may have`);
    }
    if (all.length === 0) throw newError(Code.NotFound, `${path} not found`);
    return all;
  }

  async *#pages(ctx: Ctx, bucket: string, prefix: string, folders: boolean): AsyncGenerator<Page> {
    const { store, patience } = this.#options;
    let token: string | undefined;
    do {
      const page = await retry(ctx, patience, () => store.page(ctx, bucket, { prefix, folders, token }));
      yield page;
      if (page.next === token) return; // it would go round for ever
      token = page.next;
    } while (token !== undefined);
  }
}

interface Place {
  readonly bucket: string;
  /** prefix is "" or ends with a slash. */
  readonly prefix: string;
}

/** placeOf reads a path as bucket and prefix. Keys are taken as they stand: nothing in them is escaped. */
function placeOf(path: string): Place {
  const [, bucket = "", rest = ""] = /^[^:]+:\/\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  if (!/^[a-z0-9][\w.-]{1,221}$/i.test(bucket)) throw newError(Code.InvalidArgument, `${path} does not begin with the name of a bucket`);
  const prefix = rest.replace(/\/+$/, "");
  if (prefix !== "" && partsOf(prefix) === undefined) throw newError(Code.InvalidArgument, `${path} is no folder of a bucket`);
  return { bucket, prefix: prefix === "" ? "" : `${prefix}/` };
}

interface File {
  readonly object: StoredObject;
  /** parts are its path below the version's folder. */
  readonly parts: readonly string[];
}

/** filesOf tells where the objects of a version go. Throws InvalidArgument for a key that would lead elsewhere. Keys that end with a slash stand for folders. */
function filesOf(path: string, prefix: string, objects: readonly StoredObject[]): File[] {
  const files: File[] = [];
  for (const object of objects) {
    const name = object.key.slice(prefix.length);
    const isFolder = name === "" || name.endsWith("/");
    const parts = name === "" ? [] : partsOf(isFolder ? name.slice(0, -1) : name);
    if (parts === undefined || !object.key.startsWith(prefix))
      throw newError(Code.InvalidArgument, `${path} has an object whose key is no path below it: ${JSON.stringify(object.key)}`);
    if (!isFolder) files.push({ object, parts });
  }
  return files;
}

function sameObjects(a: readonly StoredObject[], b: readonly StoredObject[]): boolean {
  return a.length === b.length && a.every((object, i) => object.key === b[i]!.key && object.stamp === b[i]!.stamp);
}

import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  Code,
  codeOf,
  type Ctx,
  type Failure,
  type Group,
  type Logger,
  messageOf,
  newError,
  race,
  throwIfDone,
  type Timer,
  toFailure,
  withCancel,
} from "@tfs/std";
import type { Cache, Room } from "../cache.ts";
import { download, local, newAllowance, type Remote } from "../download.ts";
import { exchange, refusal } from "../http.ts";
import { type Patience, retry } from "../retry.ts";
import type { Brought } from "../storage.ts";
import { unhurried } from "../unhurried.ts";
import { layoutOf, singleOf } from "./layout.ts";
import { untar } from "./tar.ts";
import { newTarget } from "./target.ts";
import { unzip } from "./zip.ts";

/** ArchiveTuning is what all archives have in common. */
export interface ArchiveTuning {
  readonly cache: Cache;
  readonly patience: Patience;
  readonly logger: Logger;
  /** life ends what is under way. */
  readonly life: Ctx;
  /** limitBytes bounds one archive, packed and unpacked. */
  readonly limitBytes: number;
  /** keepMs is how long an unpacked archive is kept of which no version is loaded; default 5 min. */
  readonly keepMs?: number;
  /** stallMs is as in DownloadOptions. */
  readonly stallMs?: number;
}

export interface ArchiveOptions extends ArchiveTuning {
  readonly url: URL;
  readonly tasks: Group;
  readonly follow: (to: URL) => void;
}

const defaultKeepMs = 5 * 60_000;

/** Known is what the last archive that was looked into is, and held. */
interface Known {
  /** stamps are what the server called it: when asked, and when it gave it. */
  readonly stamps: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  /** failure is why the archive cannot be used, though it was read: it will not get better before it changes. */
  readonly failure: Failure | undefined;
}

/** Copy is an archive, unpacked. */
interface Copy {
  readonly room: Room;
  readonly versions: ReadonlyMap<string, string>;
  /** users are versions brought from it. */
  users: number;
}

/** Fetching is a download that several may wait for; it ends when none does. */
interface Fetching {
  readonly done: Promise<void>;
  readonly cancel: () => void;
  waiting: number;
}

export function newArchive(options: ArchiveOptions): Archive {
  return new Archive(options);
}

/** Archive is one URL: what is known of it, and the newest copy of it here. */
class Archive {
  readonly #options: ArchiveOptions;
  readonly #what: string;
  #known: Known | undefined;
  #copy: Copy | undefined;
  #fetching: Fetching | undefined;
  /** keeping ends the stay of a copy that nobody uses. */
  #keeping: Timer | undefined;
  /** said is what was logged last, so that it is not said again with each look. */
  #said = "";
  /** headless is a server that answers only GET, as those behind signed URLs do. */
  #headless = false;

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#what = nameOf(options.url);
  }

  /**
   * look gives the names of the versions. The first time it waits until the archive is here; later an archive that has changed is fetched while the names are
   * still the old ones, so that looking stays quick. Throws why an archive cannot be used, without fetching it again, until it changes.
   */
  async look(ctx: Ctx): Promise<readonly string[]> {
    using look = unhurried(ctx, this.#options.life);
    const known = this.#known;
    if (known === undefined) {
      await this.#join(look, "");
      return this.#names();
    }
    const stamp = await retry(look, this.#options.patience, () => this.#ask(look, known));
    if (stamp !== undefined && !known.stamps.includes(stamp) && this.#known === known) {
      if (known.names.length === 0) await this.#join(look, stamp);
      else if (this.#fetching === undefined) this.#options.tasks.go((life) => this.#refresh(life, stamp));
    }
    return this.#names();
  }

  /** bring gives a version's folder, which stays as long as it is used, whatever becomes of the archive. */
  async bring(ctx: Ctx, name: string): Promise<Brought> {
    if (this.#copy === undefined) await this.#join(ctx, "");
    const copy = this.#copy;
    if (copy === undefined) throw this.#known?.failure ?? newError(Code.Aborted, `${this.#what} went away again`);
    const dir = copy.versions.get(name);
    if (dir === undefined) throw newError(Code.NotFound, `${this.#what} has no version ${name}`);
    copy.users++;
    this.#keeping?.cancel();
    let held = true;
    return {
      dir,
      [Symbol.asyncDispose]: async () => {
        if (!held) return;
        held = false;
        if (--copy.users > 0) return;
        if (copy === this.#copy) this.#keep();
        else await copy.room[Symbol.asyncDispose]();
      },
    };
  }

  /** forget lets go of a copy that nobody uses. */
  async forget(): Promise<void> {
    this.#keeping?.cancel();
    const copy = this.#copy;
    this.#copy = undefined;
    if (copy !== undefined && copy.users === 0) await copy.room[Symbol.asyncDispose]();
  }

  #names(): readonly string[] {
    const { failure, names } = this.#known!; // after a look or a join something is known
    if (failure !== undefined && names.length === 0) throw failure;
    return names;
  }

  #keep(): void {
    const { patience, keepMs = defaultKeepMs, tasks, life } = this.#options;
    this.#keeping?.cancel();
    if (life.signal.aborted) return;
    this.#keeping = patience.clock.after(keepMs, () => tasks.go(() => this.forget()), { background: true });
  }

  /** #ask gives the stamp that the server has for the archive now; undefined if it says that the one we know is as before. */
  async #ask(ctx: Ctx, known: Known): Promise<string | undefined> {
    const { patience, url, follow } = this.#options;
    const what = this.#what;
    const method = this.#headless ? "GET" : "HEAD";
    const answer = await exchange(ctx, { clock: patience.clock, what, url, method, headers: known.headers, follow }, async ({ status, headers }) => ({
      status,
      stamp: stampOf(headers),
    }));
    if (answer.status === 304) return undefined;
    if (answer.status === 200) return answer.stamp;
    if (!this.#headless && [403, 405, 501].includes(answer.status)) {
      this.#headless = true;
      return await this.#ask(ctx, known);
    }
    throw refusal(what, answer.status);
  }

  /** #refresh fetches an archive that has changed; what goes wrong is said, and leaves what was. */
  async #refresh(life: Ctx, stamp: string): Promise<void> {
    try {
      await this.#join(life, stamp);
    } catch (err) {
      const said = messageOf(err);
      if (!life.signal.aborted && said !== this.#said)
        this.#options.logger.warn("an archive that has changed cannot be fetched", { archive: this.#what, error: err });
      this.#said = said;
    }
  }

  /** #join waits for the archive, beginning to fetch it if nobody has. */
  async #join(ctx: Ctx, stamp: string): Promise<void> {
    const { life, tasks } = this.#options;
    throwIfDone(ctx);
    throwIfDone(life);
    let fetching = this.#fetching;
    if (fetching === undefined) {
      const child = withCancel(life);
      let settle = (_: Promise<void>): void => {};
      const done = new Promise<void>((resolve) => {
        settle = resolve;
      });
      fetching = { done, cancel: () => child.cancel(), waiting: 0 };
      const own = fetching;
      this.#fetching = own;
      tasks.go(async () => {
        using _ = child;
        const fetched = this.#fetch(child, stamp).finally(() => {
          if (this.#fetching === own) this.#fetching = undefined;
        });
        settle(fetched);
        await fetched.catch(() => {}); // those who wait are told
      });
    }
    fetching.waiting++;
    try {
      await race(ctx, fetching.done);
    } finally {
      if (--fetching.waiting === 0) {
        if (this.#fetching === fetching) this.#fetching = undefined;
        fetching.cancel();
      }
    }
  }

  /** #fetch downloads, unpacks and looks into the archive. What is wrong with the archive itself is kept, so that it is not fetched again. */
  async #fetch(ctx: Ctx, asked: string): Promise<void> {
    const { cache } = this.#options;
    const remote = this.#remote();
    const room = await cache.room(this.#what);
    let copy: Copy | undefined;
    let failure: Failure | undefined;
    try {
      copy = await this.#unpack(ctx, remote, room);
    } catch (err) {
      await room[Symbol.asyncDispose]();
      throwIfDone(ctx);
      failure = toFailure(err);
      if (remote.stamp === undefined || !ofTheArchive.has(codeOf(err))) throw err;
    }
    const names = copy === undefined ? (this.#known?.names ?? []) : [...copy.versions.keys()];
    this.#known = { stamps: [asked, remote.stamp ?? ""], headers: remote.conditions, names, failure };
    if (copy === undefined) throw failure;
    const before = this.#copy;
    this.#copy = copy;
    this.#keep();
    if (before !== undefined && before.users === 0) await before.room[Symbol.asyncDispose]();
  }

  async #unpack(ctx: Ctx, remote: ArchiveRemote, room: Room): Promise<Copy> {
    const { patience, limitBytes, stallMs, logger, url } = this.#options;
    const what = this.#what;
    const began = patience.clock.now();
    const [packed, files] = [join(room.dir, "archive"), join(room.dir, "files")];
    await download(ctx, remote, packed, { patience, allowance: newAllowance(limitBytes, what), ...(stallMs === undefined ? {} : { stallMs }) });
    await local(what, () => mkdir(files));
    const target = newTarget(files, what, limitBytes);
    const kind = await kindOf(packed);
    if (kind === "zip") await unzip(ctx, packed, what, target);
    else await untar(ctx, packed, kind === "gzip", what, target);
    await rm(packed);
    const versions = await layoutOf(files, what, singleOf(url));
    const dir = await room.seal();
    logger.info("downloaded", { path: what, versions: [...versions.keys()], ms: Math.round(patience.clock.now() - began) });
    return { room, versions: new Map([...versions].map(([name, path]) => [name, path.replace(room.dir, () => dir)])), users: 0 };
  }

  #remote(): ArchiveRemote {
    const { patience, url, follow } = this.#options;
    const what = this.#what;
    const remote: ArchiveRemote = {
      what,
      sizeBytes: undefined, // fetch itself fails if an answer has another length than it says
      stamp: undefined,
      conditions: {},
      resumable: undefined,
      async read(ctx, offset, use) {
        const headers: Record<string, string> = offset > 0 && remote.resumable !== undefined ? { range: `bytes=${offset}-`, "if-range": remote.resumable } : {};
        await exchange(ctx, { clock: patience.clock, what, url, headers, follow }, async ({ status, headers: given, body }) => {
          if ((status !== 200 && status !== 206) || body === null) throw refusal(what, status);
          const etag = given.get("etag");
          if (status === 206 && etag === remote.resumable) return await use(body, offset);
          if (status === 206) throw newError(Code.Aborted, `${what} changed while it was downloaded`);
          remote.stamp = stampOf(given);
          remote.conditions = conditionsOf(given);
          remote.resumable = etag?.startsWith('"') === true && given.get("content-encoding") === null ? etag : undefined;
          await use(body, 0);
        });
      },
    };
    return remote;
  }
}
export type { Archive };

/** ArchiveRemote learns from the answer what the bytes that it hands on are called. */
interface ArchiveRemote extends Remote {
  stamp: string | undefined;
  /** conditions are the headers that ask whether it is still the same. */
  conditions: Readonly<Record<string, string>>;
  /** resumable is the tag by which the rest can be asked for alone. */
  resumable: string | undefined;
}

/** nameOf gives a URL as errors and logs have it: what follows the path may be a signature, which is a secret. */
export function nameOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** Codes of what is wrong with an archive itself, and will be as long as it is the same. */
const ofTheArchive: ReadonlySet<Code> = new Set([Code.DataLoss, Code.FailedPrecondition, Code.InvalidArgument, Code.ResourceExhausted]);

/** stampOf tells one archive from the next by what the server says of it: its tag, else when it was changed and how long it is. */
function stampOf(headers: Headers): string {
  return headers.get("etag") ?? `${headers.get("last-modified") ?? ""} ${headers.get("content-length") ?? ""}`;
}

function conditionsOf(headers: Headers): Record<string, string> {
  const [etag, modified] = [headers.get("etag"), headers.get("last-modified")];
  if (etag !== null) return { "if-none-match": etag };
  return modified === null ? {} : { "if-modified-since": modified };
}

/** kindOf tells an archive by its first bytes: names and types of web servers are less reliable. */
async function kindOf(file: string): Promise<"zip" | "gzip" | "tar"> {
  await using handle = await open(file);
  const head = new Uint8Array(4);
  await handle.read(head, 0, 4, 0);
  if (head[0] === 0x50 && head[1] === 0x4b) return "zip";
  return head[0] === 0x1f && head[1] === 0x8b ? "gzip" : "tar";
}

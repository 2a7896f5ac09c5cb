import { Code, type Ctx, type Group, newError, newGroup } from "@tfs/std";
import type { Brought, Storage } from "../storage.ts";
import { type Archive, type ArchiveTuning, nameOf, newArchive } from "./archive.ts";

export interface ArchiveStorageOptions extends ArchiveTuning {
  /** allowHttp reads archives that came over http:// too, where anybody on the way may change them. */
  readonly allowHttp: boolean;
}

/** newArchiveStorage reads base paths that are archives on web servers. Disposing it, after its life has ended, waits for what is under way; what was brought is whoever brought it's to dispose. */
export function newArchiveStorage(options: ArchiveStorageOptions): ArchiveStorage {
  return new ArchiveStorage(options);
}

class ArchiveStorage implements Storage, AsyncDisposable {
  readonly #options: ArchiveStorageOptions;
  readonly #archives = new Map<string, Archive>(); // as many as there are base paths
  readonly #tasks: Group;

  constructor(options: ArchiveStorageOptions) {
    this.#options = options;
    this.#tasks = newGroup(options.life);
  }

  async list(ctx: Ctx, basePath: string): Promise<readonly string[]> {
    return await this.#at(basePath).look(ctx);
  }

  join(basePath: string, child: string): string {
    return `${basePath}#${child}`;
  }

  async bring(ctx: Ctx, path: string): Promise<Brought> {
    const at = path.lastIndexOf("#");
    return await this.#at(path.slice(0, at)).bring(ctx, path.slice(at + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks.wait();
    for (const archive of this.#archives.values()) await archive.forget();
  }

  #at(basePath: string): Archive {
    let archive = this.#archives.get(basePath);
    if (archive === undefined) {
      archive = newArchive({
        ...this.#options,
        url: this.#urlOf(basePath),
        tasks: this.#tasks,
        follow: (to) => this.#check(to, "redirects to"),
      });
      this.#archives.set(basePath, archive);
    }
    return archive;
  }

  #urlOf(basePath: string): URL {
    if (!URL.canParse(basePath)) throw newError(Code.InvalidArgument, `${basePath} is no URL`);
    const url = new URL(basePath);
    if (url.username !== "" || url.password !== "") throw newError(Code.InvalidArgument, `${nameOf(url)}: a base path holds no user and no password`);
    if (url.hash !== "") throw newError(Code.InvalidArgument, `${nameOf(url)}: a base path ends before the #`);
    this.#check(url, "is");
    return url;
  }

  #check(url: URL, how: string): void {
    if (url.protocol === "https:" || (url.protocol === "http:" && this.#options.allowHttp)) return;
    throw newError(Code.FailedPrecondition, `the archive ${how} ${nameOf(url)}, which is not https://; --allow_http_archives reads http:// too`);
  }
}
export type { ArchiveStorage };

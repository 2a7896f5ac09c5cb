import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Ctx, throwIfDone } from "@tfs/std";

/** A folder with more files than this is not looked through. */
const maxFiles = 10_000;

/**
 * fingerprint is the same for two folders of the same model, wherever they lie; undefined for a folder with too many files. All files count by name, size and content,
 * but for the values of variables: their checksums are in the index beside them.
 */
export async function fingerprint(ctx: Ctx, dir: string): Promise<string | undefined> {
  const entries = await readdir(dir, { recursive: true });
  if (entries.length > maxFiles) return undefined;
  const all = createHash("sha256");
  for (const name of entries.sort()) {
    throwIfDone(ctx);
    const path = join(dir, name);
    const found = await stat(path);
    if (!found.isFile()) continue;
    all.update(`${name}\0${found.size}\0`);
    if (!/^variables\/variables\.data-/.test(name)) await add(all, path);
  }
  return all.digest("hex");
}

async function add(hash: Hash, path: string): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
}

import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type Ctx, failureOf, throwIfDone } from "@tfs/std";
import { damaged, refuseKind, type Target } from "./target.ts";

/** untar unpacks a .tar, or a .tar.gz if `zipped`. */
export async function untar(ctx: Ctx, file: string, zipped: boolean, what: string, target: Target): Promise<void> {
  const { extract } = await import("tar-stream"); // few servers unpack anything, and all of them start
  const entries = extract();
  const source = createReadStream(file);
  const flow = zipped ? pipeline(source, createGunzip(), entries, { signal: ctx.signal }) : pipeline(source, entries, { signal: ctx.signal });
  const flowed = flow.then(
    () => undefined,
    (err: unknown) => ({ err }),
  );
  try {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      if (type === "directory") await target.folder(name);
      else if (type === "file" || type === "contiguous-file")
        await target.file(name, entry as AsyncIterable<Uint8Array>); // its types do not say of what
      else refuseKind(what, name, type ?? "entry of an unknown kind");
      entry.resume(); // a folder's, of which nothing was read
    }
    const broken = await flowed;
    if (broken !== undefined) throw broken.err;
  } catch (err) {
    entries.destroy();
    await flowed;
    throwIfDone(ctx);
    throw failureOf(err) ?? damaged(what, err);
  }
}

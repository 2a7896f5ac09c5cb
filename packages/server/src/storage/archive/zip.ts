import { crc32 } from "node:zlib";
import { type Ctx, failureOf, throwIfDone } from "@tfs/std";
import type { Entry } from "yauzl";
import { damaged, outside, refuseKind, type Target } from "./target.ts";

/** Upper half of external attributes that were made on Unix: a file's mode, of whose kind these are the bits. Source: stat(2), and APPNOTE.TXT 4.4.2 and 4.4.15. */
const unix = 3;
const kindMask = 0o170000;
const kinds: ReadonlyMap<number, string> = new Map([
  [0o120000, "symlink"],
  [0o020000, "character-device"],
  [0o060000, "block-device"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
]);

/** unzip unpacks a .zip. */
export async function unzip(ctx: Ctx, file: string, what: string, target: Target): Promise<void> {
  const { openPromise } = await import("yauzl");
  try {
    // Names are looked at by the target, for all kinds of archive alike; what the library checks of its own comes on top.
    const zip = await openPromise(file, { lazyEntries: true, autoClose: false });
    try {
      for await (const entry of zip.eachEntry()) {
        throwIfDone(ctx);
        const kind = kindOf(entry);
        if (kind !== undefined) refuseKind(what, entry.fileName, kind);
        if (entry.fileName.endsWith("/")) await target.folder(entry.fileName);
        else {
          const body = await zip.openReadStreamPromise(entry);
          body.on("error", () => {}); // damage may be found at two ends of it, and the second has no reader any more
          await target.file(entry.fileName, summed(body, entry.crc32));
        }
      }
    } finally {
      zip.close();
    }
  } catch (err) {
    throwIfDone(ctx);
    throw failureOf(err) ?? nameFault(what, err) ?? damaged(what, err);
  }
}

/** summed passes bytes on, and holds them to their checksum, which the library leaves to its users. */
async function* summed(body: AsyncIterable<Uint8Array>, want: number): AsyncGenerator<Uint8Array> {
  let crc = 0;
  for await (const chunk of body) {
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (crc !== want) throw new Error("the checksum is wrong");
}

function kindOf(entry: Entry): string | undefined {
  if (entry.isEncrypted()) return "encrypted file";
  if (entry.versionMadeBy >>> 8 !== unix) return undefined;
  return kinds.get((entry.externalFileAttributes >>> 16) & kindMask);
}

/** nameFault tells a name that the library refuses from damage. */
function nameFault(what: string, err: unknown): Error | undefined {
  const found = err instanceof Error ? /^(?:absolute path|invalid relative path|invalid characters in fileName): (.*)$/s.exec(err.message) : null;
  return found === null ? undefined : outside(what, found[1]!);
}

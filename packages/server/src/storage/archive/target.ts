import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { Code, failureOf, newError } from "@tfs/std";
import { local, newAllowance } from "../download.ts";
import { partsOf } from "../names.ts";

/** Files and folders that an archive may hold. */
const entriesMax = 100_000;

/** Target is a folder that takes an archive's entries, each once and all within limits. */
export interface Target {
  folder(name: string): Promise<void>;
  /** file takes a file's bytes; what breaks them is the archive's fault. */
  file(name: string, body: AsyncIterable<Uint8Array>): Promise<void>;
}

/** newTarget unpacks into an empty folder. Throws InvalidArgument for a name that leads elsewhere, ResourceExhausted past a limit. */
export function newTarget(dir: string, what: string, limitBytes: number): Target {
  const allowance = newAllowance(limitBytes, `${what}, unpacked,`);
  let entries = 0;
  const place = (name: string): string => {
    if (++entries > entriesMax) throw newError(Code.ResourceExhausted, `${what} has more than the ${entriesMax} files that an archive may have`);
    const plain = name.replace(/^(\.\/+)+/, "").replace(/\/+$/, ""); // `tar c .` writes ./a, and folders end with a slash
    const parts = plain === "" || plain === "." ? [] : partsOf(plain);
    if (parts === undefined || name.startsWith("/")) throw outside(what, name);
    return join(dir, ...parts);
  };
  return {
    async folder(name) {
      const path = place(name);
      await local(what, () => mkdir(path, { recursive: true }));
    },
    async file(name, body) {
      const path = place(name);
      if (path === dir) throw newError(Code.InvalidArgument, `${what} has a file without a name`);
      await local(what, () => mkdir(join(path, ".."), { recursive: true }));
      const handle = await local(`${what} at ${JSON.stringify(name)}`, () => open(path, "wx", 0o600)); // a name that comes again is not taken again
      try {
        for await (const chunk of sound(what, body)) {
          allowance.take(chunk.byteLength);
          await local(what, () => handle.writeFile(chunk));
        }
      } finally {
        await handle.close();
      }
    },
  };
}

async function* sound(what: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (err) {
    throw failureOf(err) ?? damaged(what, err);
  }
}

/** damaged is what an archive is that cannot be read to its end. */
export function damaged(what: string, err?: unknown): Error {
  return newError(Code.DataLoss, `${what} is damaged, or no .tar.gz, .tgz, .tar or .zip`, err);
}

/** outside is why a name is refused that leads out of the folder it is unpacked to. */
export function outside(what: string, name: string): Error {
  return newError(Code.InvalidArgument, `${what} has a file that would lie outside of it: ${JSON.stringify(name)}`);
}

/** refuseKind is for entries that are neither file nor folder: links may lead anywhere, and a model has no use for devices. */
export function refuseKind(what: string, name: string, kind: string): never {
  throw newError(Code.InvalidArgument, `${what} has a ${kind}, and only files and folders are unpacked: ${JSON.stringify(name)}`);
}

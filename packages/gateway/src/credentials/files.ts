import { readFileSync } from "node:fs";
import { Code, messageOf, newError } from "@tfs/std";

/** Files are names, as configuration has them, with paths; "" is none. */
export type Files = Readonly<Record<string, string>>;
/** Contents are names with what their files hold; files that are none are left out. */
export type Contents<F extends Files> = { readonly [name in keyof F]?: Buffer };

/** newFiles reads some files that belong together. */
export function newFiles<F extends Files>(files: F): FileGroup<F> {
  return new FileGroup(files);
}

/** No certificate or key is larger; what is is something else. */
const maxBytes = 1 << 20;

class FileGroup<F extends Files> {
  readonly #files: F;
  #seen: string | undefined = undefined;

  constructor(files: F) {
    this.#files = files;
  }

  /** read gives what the files hold; undefined if it is what it gave before, or said was wrong before. Throws InvalidArgument naming the file that cannot be read. */
  read(): Contents<F> | undefined {
    const contents: Record<string, Buffer> = {};
    let fault: unknown;
    for (const [name, path] of Object.entries(this.#files)) {
      if (path === "") continue;
      try {
        contents[name] = readSmall(path);
      } catch (err) {
        fault ??= newError(Code.InvalidArgument, `${name}: ${messageOf(err)}`, err);
      }
    }
    const seen = fault === undefined ? Object.values(contents).join("\n") : messageOf(fault);
    if (seen === this.#seen) return undefined;
    this.#seen = seen;
    if (fault !== undefined) throw fault;
    return contents as Contents<F>; // by the same names
  }
}
export type { FileGroup };

function readSmall(path: string): Buffer {
  const bytes = readFileSync(path);
  if (bytes.length > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
  return bytes;
}

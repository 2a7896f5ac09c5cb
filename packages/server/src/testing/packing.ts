import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { ZipFile } from "yazl";

/** Entry is one of an archive, in the order in which it lies there; of kinds other than file, without bytes. */
export interface Entry {
  readonly name: string;
  readonly bytes?: Uint8Array | string;
  readonly type?: Header["type"];
  readonly linkname?: string;
}

/** tarOf packs a .tar. It looks at no name. */
export async function tarOf(entries: Iterable<Entry>): Promise<Buffer> {
  const packed = pack();
  for (const { name, bytes = "", type = "file", linkname } of entries)
    packed.entry({ name, type, ...(linkname === undefined ? {} : { linkname }) }, Buffer.from(bytes));
  packed.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packed as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function tarGzOf(entries: Iterable<Entry>): Promise<Buffer> {
  return gzipSync(await tarOf(entries));
}

/** zipOf packs a .zip. `mode` is what its files have on Unix. */
export async function zipOf(entries: Iterable<Entry>, mode = 0o100644, compress = true): Promise<Buffer> {
  const zip = new ZipFile();
  for (const { name, bytes = "", type } of entries) {
    if (type === "directory") zip.addEmptyDirectory(name);
    else zip.addBuffer(Buffer.from(bytes), name, { mode, compress });
  }
  zip.end();
  return await buffer(zip.outputStream);
}

/** entriesOf gives files as entries, below a folder. */
export function entriesOf(files: ReadonlyMap<string, Uint8Array>, below = ""): Entry[] {
  return [...files].map(([name, bytes]) => ({ name: `${below}${name}`, bytes }));
}

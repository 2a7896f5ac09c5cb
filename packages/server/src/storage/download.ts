import { type FileHandle, open } from "node:fs/promises";
import { Code, type Ctx, failureOf, isFailure, newError, throwIfDone, withCancel } from "@tfs/std";
import { type Patience, retry } from "./retry.ts";

/** Time within which the next bytes of a body have to come. */
const stallMs = 30_000;

/** Remote is a run of bytes elsewhere that can be read again from where reading it broke off. */
export interface Remote {
  /** what it is, as errors name it. */
  readonly what: string;
  /** sizeBytes is what it has to have; undefined if nobody knows. */
  readonly sizeBytes: number | undefined;
  /** read hands on the bytes from an offset; `from` is where they truly begin: there, or 0. */
  read(ctx: Ctx, offset: number, use: (body: AsyncIterable<Uint8Array>, from: number) => Promise<void>): Promise<void>;
}

/** Allowance is what several downloads may take together. */
export interface Allowance {
  /** take throws ResourceExhausted when it is used up. */
  take(bytes: number): void;
  give(bytes: number): void;
}

export function newAllowance(limitBytes: number, what: string): Allowance {
  let left = limitBytes;
  return {
    take(bytes) {
      left -= bytes;
      if (left < 0) throw newError(Code.ResourceExhausted, `${what} has more than the ${limitBytes} bytes that one may have (--model_download_limit_bytes)`);
    },
    give(bytes) {
      left += bytes;
    },
  };
}

export interface DownloadOptions {
  readonly patience: Patience;
  readonly allowance: Allowance;
  /** stallMs is the time within which the next bytes have to come; default 30,000. */
  readonly stallMs?: number;
}

/** download writes a remote's bytes into a file that is not there yet. What breaks off goes on from there; what has another size than it should fails. */
export async function download(ctx: Ctx, remote: Remote, file: string, options: DownloadOptions): Promise<void> {
  const { patience, allowance, stallMs: patienceMs = stallMs } = options;
  const { clock } = patience;
  const { what, sizeBytes } = remote;
  const handle = await local(what, () => open(file, "wx", 0o600));
  let written = 0;
  const rewind = async (to: number): Promise<void> => {
    allowance.give(written - to);
    written = to;
    await local(what, () => handle.truncate(to));
  };
  const attempt = async (): Promise<void> => {
    using child = withCancel(ctx);
    const stalled = newError(Code.Unavailable, `${what}: no bytes for ${patienceMs} ms`);
    let timer = clock.after(patienceMs, () => {});
    try {
      await remote.read(child, written, async (body, from) => {
        if (from !== written) await rewind(from);
        const watch = (): void => {
          timer.cancel();
          timer = clock.after(patienceMs, () => child.cancel(stalled));
        };
        watch();
        for await (const chunk of unbroken(what, body)) {
          watch();
          allowance.take(chunk.byteLength);
          await local(what, () => writeAll(handle, chunk, written));
          written += chunk.byteLength;
        }
      });
      if (sizeBytes !== undefined && written !== sizeBytes) throw newError(Code.Unavailable, `${what}: the answer had ${written} of ${sizeBytes} bytes`);
    } catch (err) {
      throwIfDone(ctx);
      // All bytes were there, and yet it failed, by a checksum or by too many: none of them is trusted.
      if (sizeBytes !== undefined && written >= sizeBytes) await rewind(0);
      throw child.signal.aborted ? child.signal.reason : err;
    } finally {
      timer.cancel();
    }
  };
  try {
    await retry(ctx, patience, attempt);
  } finally {
    await handle.close();
  }
}

/** unbroken hands on a body, and gives what breaks it a code. */
async function* unbroken(what: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (err) {
    throw failureOf(err) ?? newError(Code.Unavailable, `${what}: the answer broke off`, err);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await handle.write(bytes, at, bytes.byteLength - at, position + at)).bytesWritten;
}

/** local does something with this machine's files, and gives what fails a code. */
export async function local<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    if (isFailure(err)) throw err;
    const { code = "" } = err as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT")
      throw newError(Code.ResourceExhausted, `${what}: no space is left where models are downloaded to (--model_cache_dir)`, err);
    if (code === "EEXIST" || code === "ENOTDIR" || code === "EISDIR")
      throw newError(Code.InvalidArgument, `${what}: there is another file or folder of that name`, err);
    throw newError(Code.Internal, `${what}: cannot be written where models are downloaded to${code === "" ? "" : ` (${code})`}`, err);
  }
}

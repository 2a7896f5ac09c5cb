import { Code, isFailure, newError } from "@tfs/std";

/** local does something with files of the cache, and gives what fails a code and the folder's name. */
export async function local<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    if (isFailure(err)) throw err;
    const { code = "" } = err as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT") throw newError(Code.ResourceExhausted, `no space is left in ${dir}; --cache_dir names another folder`, err);
    const why = readOnly.has(code) ? " it is read-only" : code;
    throw newError(Code.FailedPrecondition, `${dir} cannot be written to: ${why.trim()}; --cache_dir names another folder`, err);
  }
}

const readOnly = new Set(["EROFS", "EACCES", "EPERM"]);

import { Code, newError } from "@tfs/std";

/** importPeer loads a package that whoever wants a scheme brings along. Throws FailedPrecondition with what to do if it is not there. */
export async function importPeer<T>(scheme: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (err) {
    if (err instanceof Error && (err as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" && err.message.includes(`'${name}'`))
      throw newError(Code.FailedPrecondition, `${scheme}:// base paths need the package ${name}, which is not installed: npm install ${name}`, err);
    throw newError(Code.FailedPrecondition, `${scheme}:// base paths need the package ${name}, which cannot be loaded`, err);
  }
}

/** once does something when it is first wanted, and again if that failed. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((err: unknown) => {
      made = undefined;
      throw err;
    });
    return made;
  };
}

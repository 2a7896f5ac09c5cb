import { execFile } from "node:child_process";
import { type Ctx, throwIfDone } from "@tfs/std";

/** Time that an interpreter has to start and to answer. */
const patienceMs = 10_000;
/** More than a path or two is no answer. */
const maxAnswerBytes = 64 * 1024;

/** PythonPackage is where an interpreter would import a package from. */
export interface PythonPackage {
  readonly dir: string;
  /** version is what the distribution says that installed it, if one did. */
  readonly version?: string;
}

/**
 * The package is looked for and not imported, which would take seconds. The current folder is no place for packages, though Python takes it for one here. A
 * folder without __init__.py is none either: Python would import it as an empty namespace.
 */
const question = `
import importlib.metadata as metadata, importlib.util as util, json, sys
sys.path[:] = [p for p in sys.path if p]
spec = util.find_spec(sys.argv[1])
answer = {}
if spec is not None and spec.origin is not None and spec.submodule_search_locations:
    answer["dir"] = spec.submodule_search_locations[0]
    for name in sys.argv[2:]:
        try:
            answer["version"] = metadata.version(name)
            break
        except metadata.PackageNotFoundError:
            pass
print(json.dumps(answer))
`;

/** askPython asks an interpreter where it has a package, without importing it: undefined if it has none, a text if it gives no answer. */
export async function askPython(
  ctx: Ctx,
  python: string,
  asked: { readonly module: string; readonly distributions: readonly string[]; readonly limitMs?: number },
): Promise<PythonPackage | undefined | string> {
  const { module, distributions, limitMs = patienceMs } = asked;
  throwIfDone(ctx);
  const { err, out } = await new Promise<{ err: Ended | null; out: string }>((resolve) => {
    const options = { timeout: limitMs, killSignal: "SIGKILL", maxBuffer: maxAnswerBytes, signal: ctx.signal } as const;
    const child = execFile(python, ["-c", question, module, ...distributions], options, (err, stdout) => resolve({ err: err as Ended | null, out: stdout }));
    child.stdin?.end();
  });
  throwIfDone(ctx);
  if (err?.code === "ENOENT") return `there is no ${python}`;
  if (err?.killed === true) return `${python} gave no answer within ${limitMs} ms`;
  if (err !== null) return `${python} cannot be asked (${typeof err.code === "number" ? `exit status ${err.code}` : (err.code ?? err.signal ?? "it failed")})`;
  const answer = parsed(out);
  return answer === undefined ? `${python} gave an answer that cannot be read` : answer.dir === undefined ? undefined : { ...answer, dir: answer.dir };
}

interface Ended extends Error {
  readonly code?: string | number | null;
  readonly signal?: string | null;
  readonly killed?: boolean;
}

/** parsed reads the last line: what sitecustomize prints comes before it. */
function parsed(out: string): Partial<PythonPackage> | undefined {
  try {
    const value = JSON.parse(out.trimEnd().split("\n").at(-1)!) as Partial<PythonPackage>;
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

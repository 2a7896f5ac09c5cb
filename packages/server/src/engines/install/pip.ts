// What is asked of pip: which wheel is meant, and to download it. Everything about indexes, proxies, certificates and credentials is pip's and its user's affair.
import { type ChildProcess, spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Clock, Code, type Ctx, newError, throwIfDone, type Timer } from "@tfs/std";
import { pipScript } from "./pip_script.ts";
import { pythonVersions } from "./release.ts";

/** What pip says is kept up to this length, from its end. */
const keptChars = 64 * 1024;
/** How often the file that pip writes is looked at. */
const lookMs = 200;

/** Pip is one interpreter's, in an environment: pip is set up by its files and by variables. */
export interface Pip {
  readonly python: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Wheel is a file of Python's index. */
export interface Wheel {
  readonly file: string;
  readonly version: string;
  /** python is the version of Python that it was made for. */
  readonly python: string;
  /** sha256 is what the index says; undefined if it says nothing. */
  readonly sha256: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly host: string;
}

export interface Wanted {
  readonly distribution: string;
  /** version is one or a range: 2.21.0, 2.21.*. */
  readonly version: string;
  readonly tags: readonly string[];
}

/**
 * planWheel asks pip which wheel it would download. Throws FailedPrecondition without Python or pip, NotFound if there is no such wheel, Unavailable if the index
 * does not answer.
 */
export async function planWheel(ctx: Ctx, pip: Pip, wanted: Wanted): Promise<Wheel> {
  const asked = { requirement: requirement(wanted), arguments: choice(wanted.tags), pythons: pythonVersions };
  const { status, out, said } = await run(ctx, pip, ["-c", pipScript, JSON.stringify(asked)]);
  const answer = parsed(out);
  if (answer === undefined) throw pipFailed(`${pip.python} gave no answer (exit status ${status})`, said);
  switch (answer.kind) {
    case "wheel": {
      const { file, version, python, host } = answer;
      return { file, version, python, host, sha256: answer.sha256 ?? undefined, sizeBytes: answer.sizeBytes ?? undefined };
    }
    case "none":
      throw noWheel(wanted, answer);
    case "moved":
      return await planByReport(ctx, pip, wanted);
    case "no pip":
      throw newError(
        Code.FailedPrecondition,
        `${pip.python} has no pip: install it (Debian: apt-get install python3-pip), or activate an environment that has it`,
      );
    case "failed":
      throw pipFailed("pip cannot say which wheel it would download", `${said}\n${answer.why}`);
  }
}

type Answer =
  | { readonly kind: "no pip" }
  | { readonly kind: "moved" | "failed"; readonly why: string }
  | { readonly kind: "none"; readonly versions: readonly string[]; readonly notes: readonly string[] }
  | (Omit<Wheel, "sha256" | "sizeBytes"> & { readonly kind: "wheel"; readonly sha256: string | null; readonly sizeBytes: number | null });

function parsed(out: string): Answer | undefined {
  try {
    return JSON.parse(out.trimEnd().split("\n").at(-1)!) as Answer;
  } catch {
    return undefined;
  }
}

/** planByReport is the way by pip's public interface: a report of what it would install. It tells no size, and where the index has no metadata apart pip downloads the wheel for it. */
export async function planByReport(ctx: Ctx, pip: Pip, wanted: Wanted): Promise<Wheel> {
  for (const python of pythonVersions) {
    const flags = ["--dry-run", "--quiet", "--ignore-installed", "--report", "-", "--target", "none", ...choice(wanted.tags), ...forPython(python)];
    const { status, out, said } = await run(ctx, pip, ["-m", "pip", "install", ...quiet, ...flags, requirement(wanted)]);
    if (status !== 0 && noMatch.test(said) && !unreachable.test(said)) continue;
    if (status !== 0) throw pipFailed("pip cannot say which wheel it would download", said);
    const [item] = (JSON.parse(out) as Report).install;
    if (item === undefined) break;
    const { hostname, pathname, protocol } = new URL(item.download_info.url);
    return {
      file: basename(decodeURIComponent(pathname)),
      version: item.metadata.version.replace(/[^\w.!+]/g, "_"), // it names a folder
      python,
      sha256: item.download_info.archive_info?.hashes?.["sha256"],
      sizeBytes: undefined,
      host: protocol === "file:" ? "this machine" : hostname,
    };
  }
  throw noWheel(wanted, { versions: [], notes: [] });
}

/** Report is the part of pip's installation report that matters here. Source: pip's documentation, "Installation Report". */
interface Report {
  readonly install: readonly {
    readonly download_info: { readonly url: string; readonly archive_info?: { readonly hashes?: Readonly<Record<string, string>> } };
    readonly metadata: { readonly version: string };
  }[];
}

/** downloadWheel has pip download a wheel, and gives its path in `scratch`: a folder for that alone, of which onBytes is told how much of the wheel is there. */
export async function downloadWheel(
  ctx: Ctx,
  pip: Pip,
  { wheel, wanted, scratch, clock, onBytes }: { wheel: Wheel; wanted: Wanted; scratch: string; clock: Clock; onBytes: (bytes: number) => void },
): Promise<string> {
  const dir = join(scratch, "whole");
  const exact = `${wanted.distribution}==${wheel.version}`;
  const flags = ["--quiet", "--progress-bar", "off", "--no-cache-dir", ...choice(wanted.tags), ...forPython(wheel.python), "--dest", dir];
  using _ = again(clock, async () => (await largest(scratch)) ?? 0, onBytes);
  const { status, said } = await run(ctx, { ...pip, env: { ...pip.env, TMPDIR: scratch } }, ["-m", "pip", "download", ...quiet, ...flags, exact]);
  if (status !== 0) throw pipFailed(`${wheel.file} could not be downloaded`, said);
  const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith(".whl"));
  if (names.length !== 1) throw newError(Code.Internal, `pip has downloaded ${names.length === 0 ? "nothing" : names.join(" and ")}, expected ${wheel.file}`);
  return join(dir, names[0]!);
}

const quiet = ["--disable-pip-version-check", "--no-input", "--no-color"];

const requirement = ({ distribution, version }: Wanted): string => `${distribution}==${version}`;

/** choice says for which platform, and that nothing is built here. */
function choice(tags: readonly string[]): string[] {
  return ["--no-deps", "--only-binary=:all:", "--implementation", "cp", ...tags.flatMap((tag) => ["--platform", tag])];
}

function forPython(version: string): string[] {
  return ["--python-version", version, "--abi", `cp${version.replace(".", "")}`];
}

const noMatch = /No matching distribution found|Could not find a version/;
const unreachable =
  /Could not fetch URL|Retrying \(|Max retries exceeded|Connection(?:Error|ResetError| refused| broken| aborted)|NewConnectionError|ProxyError|SSLError|timed out|IncompleteRead|HTTP error \d|HTTPError/;

function noWheel(
  { distribution, version, tags }: Wanted,
  { versions, notes }: { readonly versions: readonly string[]; readonly notes: readonly string[] },
): Error {
  if (versions.length === 0 && notes.length > 0) return pipFailed("the package index cannot be reached", notes.at(-1)!);
  const there = versions.length === 0 ? "it has none of this package" : `it has ${versions.slice(-8).join(", ")}`;
  return newError(Code.NotFound, `the package index has no wheel of ${distribution} ${version} for this machine (${tags[0]} and older): ${there}`);
}

/** pipFailed gives a failure the code of what pip says, and its last words. */
function pipFailed(what: string, said: string): Error {
  const lines = said
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const words = lines.filter((line) => /^(?:ERROR|\w*Error)\b/.test(line)).at(-1) ?? lines.at(-1) ?? "it says nothing";
  const [code, told] = reasons.find(([pattern]) => pattern.test(said))?.slice(1) ?? [Code.Unknown, ""];
  return newError(code as Code, `${what}${told}: pip says: ${words.slice(0, 500)}`);
}

const reasons: readonly (readonly [pattern: RegExp, code: Code, told: string])[] = [
  [/DO NOT MATCH THE HASHES|Hash(?:es)? .*mismatch/i, Code.DataLoss, ": its checksum is wrong"],
  [/No space left on device|Errno 28|Errno 122/, Code.ResourceExhausted, ": no space is left"],
  [unreachable, Code.Unavailable, ": the package index cannot be reached"],
  [/No module named '?pip/, Code.FailedPrecondition, ": there is no pip"],
  [noMatch, Code.NotFound, ": the package index has it no more"],
];

interface Ran {
  readonly status: number | string;
  readonly out: string;
  readonly said: string;
}

/** run runs Python to its end. A context that ends ends it too, and is thrown when it has ended: nothing writes any more then. */
async function run(ctx: Ctx, { python, env }: Pip, args: readonly string[]): Promise<Ran> {
  throwIfDone(ctx);
  const child = spawn(python, args, { env: { ...env, PYTHONIOENCODING: "utf-8" }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once("error", (err: NodeJS.ErrnoException) =>
      reject(
        err.code === "ENOENT"
          ? newError(Code.FailedPrecondition, `there is no ${python}: libraries are installed by Python's pip`)
          : newError(Code.FailedPrecondition, `${python} cannot be run`, err),
      ),
    );
    child.once("close", (status, signal) => resolve(status ?? signal ?? "none"));
  });
  const stop = (): void => void child.kill("SIGKILL"); // what it leaves lies in our own folders
  ctx.signal.addEventListener("abort", stop);
  try {
    const [out, said] = [kept(child, "stdout"), kept(child, "stderr")];
    const status = await ended;
    throwIfDone(ctx);
    return { status, out: out(), said: said() };
  } finally {
    ctx.signal.removeEventListener("abort", stop);
  }
}

function kept(child: ChildProcess, stream: "stdout" | "stderr"): () => string {
  let text = "";
  child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(stream === "stderr" ? -keptChars : -64 * keptChars);
  });
  return () => text;
}

/** again measures something every now and then, and tells it, until it is disposed. */
function again(clock: Clock, measure: () => Promise<number>, tell: (n: number) => void): Disposable {
  let over = false;
  const next = (): Timer => clock.after(lookMs, () => void look());
  const look = async (): Promise<void> => {
    const n = await measure();
    if (over) return;
    tell(n);
    timer = next();
  };
  let timer = next();
  return {
    [Symbol.dispose]() {
      over = true;
      timer.cancel();
    },
  };
}

/** largest gives the size of the largest file below a folder, two levels deep: what pip writes, wherever it does. */
async function largest(dir: string, depth = 2): Promise<number | undefined> {
  let most: number | undefined;
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const path = join(dir, entry.name);
    const size = entry.isDirectory() ? (depth > 0 ? await largest(path, depth - 1) : undefined) : (await stat(path).catch(() => undefined))?.size;
    if (size !== undefined && size > (most ?? -1)) most = size;
  }
  return most;
}

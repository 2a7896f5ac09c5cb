import type { Engine, EngineName, Found, Passed, Search } from "@tfs/engine";
import { type Ctx, failureOf, messageOf, withTimeout } from "@tfs/std";

/** Time that an engine has to load what it needs and to say so. */
const patienceMs = 60_000;

/** Candidate is an engine that can be asked about. */
export interface Candidate {
  readonly name: EngineName;
  /** find looks for what it needs that is not ours; undefined if there is no such thing. */
  readonly find?: (ctx: Ctx) => Promise<Search>;
  /** open makes the engine, over the folder that was found, if it needs one; undefined where this version has none. */
  readonly open?: (dir: string) => Engine;
}

/** Row is what is known of one engine. */
export interface Row {
  readonly engine: EngineName;
  readonly ok: boolean;
  readonly version?: string;
  /** why it cannot run, if so. */
  readonly why?: string;
  readonly found?: Found;
  readonly passed: readonly Passed[];
}

/** probe asks one engine after the other: each is looked for, and what is found is loaded. */
export async function probe(ctx: Ctx, candidates: readonly Candidate[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const candidate of candidates) rows.push(await rowOf(ctx, candidate));
  return rows;
}

async function rowOf(ctx: Ctx, { name, find, open }: Candidate): Promise<Row> {
  let search: Search = { passed: [] };
  try {
    search = (await find?.(ctx)) ?? search;
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    return { engine: name, ok: false, why: failureOf(err)?.message ?? messageOf(err), passed: [] };
  }
  const { found, passed } = search;
  const known = { engine: name, passed, ...(found && { found }), ...(found?.version !== undefined && { version: found.version }) };
  if (find !== undefined && found === undefined) return { ...known, ok: false, why: "found nowhere" };
  if (open === undefined) return { ...known, ok: false, why: "this version of tfs-server has no engine for it" };
  using patient = withTimeout(ctx, patienceMs);
  try {
    const answer = await open(found?.dir ?? "").probe(patient);
    return answer.ok ? { ...known, ok: true, version: answer.version } : { ...known, ok: false, why: answer.why };
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    return { ...known, ok: false, why: failureOf(err)?.message ?? messageOf(err) };
  }
}

// From measurements to what a reader wants to know: spreads, ratios within rounds, and whether the run says anything.
import { known, targets, tolerance } from "./known.ts";
import type { Measurement } from "./measure.ts";
import type { Shape } from "./shapes.ts";
import { roundRatios, type Spread, spread } from "./stats.ts";

/** Row is one peer in one shape. */
export interface Row {
  readonly peer: string;
  /** figures is undefined if no round gave one. */
  readonly figures?: Spread;
  readonly rounds: number;
  /** ratios are how many times better ours was, round by round; undefined for ours, and without a common round. */
  readonly ratios?: Spread;
  /** Medians over the rounds; latencies in µs, others as in Detail. */
  readonly perSecond?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly others?: number;
  /** failed are calls, those of the warm-ups included. */
  readonly failed: number;
  readonly problems: readonly string[];
  /** suspect says that the peer was worse than it is known to be by more than the tolerance: known and measured. */
  readonly suspect?: { readonly known: number; readonly measured: number };
  /** goals are what was aimed at: ratios for peers, figure and p99 for ours. */
  readonly goals: readonly Goal[];
}

/** Goal is one target and whether it was met. A figure's bound is a least one if more is better, else a greatest one; a ratio's is always a least one. */
export interface Goal {
  readonly of: "figure" | "ratio" | "p99";
  readonly bound: "least" | "greatest";
  readonly wanted: number;
  readonly met: boolean;
}

export interface ShapeSummary {
  readonly shape: Shape;
  readonly rows: readonly Row[];
}

/** Verdict: "valid"; "invalid" if a peer is suspect; "failed" if ours gave no figure somewhere or failed calls. */
export type Verdict = "valid" | "invalid" | "failed";

const ours = "tfs";

/** summarise puts measurements in the order of the shapes and peers given. */
export function summarise(shapes: readonly Shape[], peers: readonly string[], measurements: readonly Measurement[]): ShapeSummary[] {
  return shapes.map((shape) => {
    const of = (peer: string) => measurements.filter((m) => m.shape === shape.name && m.peer === peer);
    const direct = byRound(of("direct"));
    const figures = (peer: string) => (shape.metric === "latency" && peer !== "direct" ? minus(byRound(of(peer)), direct) : byRound(of(peer)));
    const own = figures(ours);
    const names = [...peers, "direct"].filter((peer) => of(peer).length > 0);
    return { shape, rows: names.map((peer) => row(shape, peer, of(peer), figures(peer), own)) };
  });
}

function byRound(measurements: readonly Measurement[]): Map<number, number> {
  return new Map(measurements.flatMap((m) => (m.figure === undefined ? [] : [[m.round, m.figure]])));
}

/** minus takes the figures without a proxy off those with one: what is left is what the proxy adds. */
function minus(figures: ReadonlyMap<number, number>, direct: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...figures].flatMap(([round, figure]) => (direct.has(round) ? [[round, figure - direct.get(round)!]] : [])));
}

function row(shape: Shape, peer: string, measurements: readonly Measurement[], figures: ReadonlyMap<number, number>, own: ReadonlyMap<number, number>): Row {
  const more = shape.metric === "rate";
  const ratios = peer === ours || peer === "direct" ? [] : more ? roundRatios(own, figures) : roundRatios(figures, own);
  const details = measurements.flatMap((m) => m.detail ?? []);
  const middle = (key: "perSecond" | "p50" | "p99" | "others"): Pick<Row, typeof key> => {
    const found = details.flatMap((d) => d[key] ?? []).filter(Number.isFinite);
    return found.length === 0 ? {} : { [key]: spread(found).median };
  };
  const p99 = middle("p99");
  const figure = figures.size === 0 ? undefined : spread([...figures.values()]);
  const ratio = ratios.length === 0 ? undefined : spread(ratios);
  const expected = known[shape.name]?.[peer];
  const worse = figure !== undefined && expected !== undefined && (more ? figure.median < expected / tolerance : figure.median > expected * tolerance);
  return {
    peer,
    rounds: figures.size,
    ...(figure === undefined ? {} : { figures: figure }),
    ...(ratio === undefined ? {} : { ratios: ratio }),
    ...middle("perSecond"),
    ...middle("p50"),
    ...p99,
    ...middle("others"),
    failed: details.reduce((sum, d) => sum + d.failed + d.warmFailed, 0),
    problems: [...new Set(measurements.flatMap((m) => m.problem ?? []))],
    ...(worse ? { suspect: { known: expected, measured: figure.median } } : {}),
    goals: goals(shape, peer, { figure: figure?.median, ratio: ratio?.median, p99: p99.p99 }),
  };
}

function goals(shape: Shape, peer: string, got: { figure: number | undefined; ratio: number | undefined; p99: number | undefined }): Goal[] {
  const target = targets[shape.name];
  const goal = (of: Goal["of"], bound: Goal["bound"], wanted: number | undefined): Goal[] => {
    const value = got[of];
    return wanted === undefined || value === undefined ? [] : [{ of, bound, wanted, met: bound === "least" ? value >= wanted : value <= wanted }];
  };
  if (peer !== ours) return goal("ratio", "least", target?.ratios[peer]);
  return [...goal("figure", shape.metric === "rate" ? "least" : "greatest", target?.figure), ...goal("p99", "greatest", target?.p99)];
}

/** judge says what the run is worth. Ours failing weighs more than a peer that was disturbed. */
export function judge(summaries: readonly ShapeSummary[]): Verdict {
  const rows = summaries.flatMap((s) => s.rows);
  if (rows.some((r) => r.peer === ours && (r.failed > 0 || r.problems.length > 0))) return "failed";
  return rows.some((r) => r.suspect !== undefined) ? "invalid" : "valid";
}

import { Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import { type DType, DType as Types, newTensor, type Tensor } from "@tfs/tensor";
import { type Edge, type Model, type Program, keyOf } from "../embedded/index.ts";
import type { LoadedModel, Took } from "../engine.ts";
import type { Input } from "./freeze.ts";
import type { Native } from "./native.ts";
import { type Parts, within } from "./partition.ts";

/** Route is a signature whose graph OpenVINO runs a part of. */
export interface Route {
  /** feeds and fetches are the tensors' names, as the signature has them. */
  readonly feeds: readonly string[];
  readonly fetches: readonly string[];
  readonly feedEdges: readonly Edge[];
  readonly fetchEdges: readonly Edge[];
  readonly feedTypes: readonly (DType | undefined)[];
  readonly parts: Parts;
  readonly inputs: readonly Input[];
  readonly native: Native;
  /** bytes that the native part's constants take. */
  readonly bytes: number;
}

/** Programs for the host's part afterwards, by what is fetched: clients choose that. */
const maxPrograms = 64;

/** newAccelerated is the embedded model, with the routes where a call fits one. Whatever does not fit, or fails there, the embedded model answers. */
export function newAccelerated(model: Model, routes: readonly Route[], onRun?: (by: "openvino" | "embedded") => void): LoadedModel {
  const lines = routes.map((route) => newLine(model, route));
  const found = new Map<string, Line | undefined>();
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  /** lineFor gives the line that has these feeds and all these fetches. */
  function lineFor(feeds: readonly string[], fetches: readonly string[]): Line | undefined {
    const key = `${feeds.join("\0")}\0\0${fetches.join("\0")}`;
    if (found.has(key)) return found.get(key);
    const line = lines.find(
      ({ route }) => route.feeds.length === feeds.length && feeds.every((f) => route.feeds.includes(f)) && fetches.every((f) => route.fetches.includes(f)),
    );
    if (found.size >= maxPrograms) found.delete(found.keys().next().value!);
    found.set(key, line);
    return line;
  }

  async function run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]> {
    throwIfDone(ctx);
    if (closing !== undefined) throw newError(Code.Unavailable, "the model has been unloaded");
    for (const t of feeds.values()) newTensor(t.dtype, t.shape, t.data); // throws if its data do not fill its shape
    // A run that may have changed a variable makes what was frozen of it doubtful.
    const line = model.changes === 0 ? lineFor([...feeds.keys()], fetches) : undefined;
    const given = await line?.run(ctx, feeds, { fetches, took });
    const values = given ?? (await model.run(ctx, feeds, fetches, took));
    onRun?.(given === undefined ? "embedded" : "openvino");
    return values;
  }

  return {
    metaGraph: model.metaGraph,
    estimateBytes: () => routes.reduce((sum, { bytes }) => sum + bytes, model.estimateBytes()),
    async run(ctx, feeds, fetches, took) {
      const mine = run(ctx, feeds, fetches, took);
      running.add(mine);
      try {
        return await mine;
      } finally {
        running.delete(mine);
      }
    },
    close() {
      closing ??= (async () => {
        await Promise.allSettled(running);
        await Promise.all(routes.map(({ native }) => native.close()));
        await model.close();
      })();
      return closing;
    },
  };
}

/** Line is a route with its programs. */
interface Line {
  readonly route: Route;
  /** run gives undefined for a call that the route does not take, or that failed on it. */
  run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, asked: Asked): Promise<readonly Tensor[] | undefined>;
}

interface Asked {
  readonly fetches: readonly string[];
  readonly took: Took | undefined;
}

function newLine(model: Model, route: Route): Line {
  const { parts } = route;
  const before = parts.before.length === 0 ? undefined : model.compiler.program(route.feedEdges, parts.before, []);
  const sources = [...route.feedEdges, ...parts.before, ...parts.outputs];
  const place = new Map(sources.map((e, i) => [keyOf(e), i]));
  for (const [i, e] of route.feedEdges.entries()) place.set(keyOf(e), i); // what is fed hides what would be computed
  const inputPlaces = parts.inputs.map((e) => place.get(keyOf(e))!);
  const guards = parts.guards.map(({ edge, below }) => ({ at: place.get(keyOf(edge))!, below }));
  const programs = new Map<string, Finish>();
  const firstOutput = route.feedEdges.length + parts.before.length;

  /** finishFor plans how fetches are had from the sources: picked, or computed by the host. */
  function finishFor(fetches: readonly string[]): Finish {
    const key = fetches.join("\0");
    let finish = programs.get(key);
    if (finish !== undefined) return finish;
    const wanted = fetches.map((name) => route.fetchEdges[route.fetches.indexOf(name)]!);
    const places = wanted.map((e) => place.get(keyOf(e)));
    finish = places.every((at) => at !== undefined) ? { places } : { program: model.compiler.program(sources, wanted, []) };
    if (programs.size >= maxPrograms) programs.delete(programs.keys().next().value!);
    programs.set(key, finish);
    return finish;
  }

  const guarded = (values: readonly Tensor[]): boolean => guards.every(({ at, below }) => values[at] === undefined || within(values[at], below));

  return {
    route,
    async run(ctx, feeds, { fetches, took }) {
      const values = route.feeds.map((name) => feeds.get(name)!);
      for (let i = 0; i < values.length; i++) if (route.feedTypes[i] !== undefined && route.feedTypes[i] !== values[i]!.dtype) return undefined;
      if (before !== undefined) values.push(...(await model.perform(ctx, before, values, took)));
      const inputs = inputPlaces.map((at) => values[at]!);
      for (let i = 0; i < inputs.length; i++) if (!fits(inputs[i]!, route.inputs[i]!)) return undefined;
      if (!guarded(values)) return undefined;
      const outputs = await route.native.run(ctx, inputs, took);
      if (outputs === undefined) return undefined;
      for (let i = 0; i < outputs.length; i++) values[firstOutput + i] = outputs[i]!;
      if (!guarded(values)) return undefined;
      const finish = finishFor(fetches);
      return "places" in finish ? finish.places.map((at) => values[at]!) : await model.perform(ctx, finish.program, values, took);
    },
  };
}

type Finish = { readonly places: readonly number[] } | { readonly program: Program };

/** fits tells whether OpenVINO may be given a value: TensorFlow has its own words on no elements and on other shapes, and its own results with NaN. */
function fits(t: Tensor, { dtype, shape: want }: Input): boolean {
  const { shape } = t;
  if (dtype !== t.dtype || want.length !== shape.length || t.data.length === 0) return false;
  for (let i = 0; i < shape.length; i++) if (want[i]! >= 0 && want[i] !== shape[i]) return false;
  return !hasNaN(t);
}

/** hasNaN tells whether a value holds one: maximum, minimum and exp of it are numbers to OpenVINO. */
export function hasNaN({ dtype, data }: Tensor): boolean {
  if (dtype === Types.Float) {
    const values = data as Float32Array;
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return true;
    return false;
  }
  const infinity = { [Types.Half]: 0x7c00, [Types.BFloat16]: 0x7f80 }[dtype as number];
  if (infinity === undefined) return false;
  const bits = data as Uint16Array;
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & 0x7fff) > infinity) return true;
  return false;
}

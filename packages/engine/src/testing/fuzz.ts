// Attempts on the engine: each is told when it begins and how it ended, so that whoever watches knows what the process died of.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { background, codeName, codeOf, failureOf, withTimeout } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import { type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import type { Engine, LoadedModel } from "../engine.ts";
import { models } from "./models.ts";
import { mutateModel, mutateRequest } from "./mutate.ts";
import { newRandom } from "./random.ts";

const ctx = background();
const names = readdirSync(models, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
/** These go round as often as the request says. */
const endless = new Set(["rounds", "cond_loop", "loops_v1"]);

interface Request {
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly fetches: readonly string[];
}

/** requests gives what the goldens of a model ask. */
function requests(name: string, model: LoadedModel): Request[] {
  const { versions } = JSON.parse(readFileSync(join(models, name, "golden.json"), "utf8")) as {
    readonly versions: Record<
      string,
      { readonly signatures: Record<string, { readonly cases: readonly { readonly inputs: Record<string, GoldenTensor> }[] }> }
    >;
  };
  const graphName = (info: { readonly encoding: { readonly value?: unknown } } | undefined): string => String(info?.encoding.value ?? "");
  return Object.entries(Object.values(versions)[0]!.signatures).flatMap(([alias, { cases }]) => {
    const signature = model.metaGraph.signatureDef[alias];
    if (signature === undefined) return [];
    const fetches = Object.values(signature.outputs).map(graphName);
    if (fetches.length === 0) return [];
    return cases.map(({ inputs }) => ({
      feeds: new Map(Object.entries(inputs).map(([input, t]) => [graphName(signature.inputs[input]), goldenTensor(t)])),
      fetches,
    }));
  });
}

/** loadable are the test models that an engine loads. */
async function loadable(engine: Engine): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    if (endless.has(name)) continue;
    const model = await engine.load(ctx, firstVersion(name)).catch(() => undefined);
    if (model !== undefined) found.push(name);
    await model?.close();
  }
  return found;
}

/** fuzzRequests makes `count` mutated requests of the test models that the engine loads, from seed `first` on. */
export async function fuzzRequests(engine: Engine, first: number, count: number): Promise<void> {
  const asked = await loadable(engine);
  let loaded: { readonly name: string; readonly model: LoadedModel } | undefined;
  for (let seed = first; seed < first + count; seed++) {
    const name = asked[Math.floor(seed / 50) % asked.length]!;
    if (loaded?.name !== name) {
      await loaded?.model.close();
      loaded = { name, model: await engine.load(ctx, firstVersion(name)) };
    }
    const { model } = loaded;
    await told(seed, async () => {
      const r = newRandom(seed);
      const all = requests(name, model);
      if (all.length === 0) return "nothing to ask";
      const request = r.pick(all);
      const nodes = model.metaGraph.graphDef!.node.map((node) => node.name);
      const { feeds, fetches } = mutateRequest(r, request.feeds, request.fetches, nodes);
      await model.run(ctx, feeds, fetches);
      return "ran";
    });
  }
  await loaded?.model.close();
}

/** ModelsOptions say which models are mutated, and how long one run may take. */
export interface ModelsOptions {
  /** of are the test models that are mutated. Default: all. */
  readonly of?: readonly string[];
  /** limitMs is when the caller of a run is let go: a graph that goes round for good is its author's fault. Default 5000. */
  readonly limitMs?: number;
}

/** fuzzModels loads `count` mutated copies of test models, from seed `first` on, in the folder `scratch`, and runs those that load. */
export async function fuzzModels(
  engine: Engine,
  scratch: string,
  first: number,
  count: number,
  { of = names, limitMs = 5000 }: ModelsOptions = {},
): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    await told(seed, async () => {
      const name = of[seed % of.length]!;
      mutateModel(newRandom(seed), firstVersion(name), scratch);
      const model = await engine.load(ctx, scratch);
      let ran = 0;
      for (const { feeds, fetches } of requests(name, model).slice(0, 2)) {
        using limited = withTimeout(ctx, limitMs);
        await model.run(limited, feeds, fetches).then(() => ran++, refused);
      }
      await model.close();
      return ran > 0 ? "ran" : "loaded";
    });
  }
}

async function told(seed: number, attempt: () => Promise<string>): Promise<void> {
  process.stdout.write(`begin ${seed}\n`);
  const outcome = await attempt().catch(refused);
  process.stdout.write(`end ${seed} ${outcome}\n`);
}

function firstVersion(name: string): string {
  const [version] = readdirSync(join(models, name)).filter((entry) => /^\d+$/.test(entry));
  return join(models, name, version!);
}

/** refused names the status of a refusal. What is no Failure is a mistake of ours. */
function refused(err: unknown): string {
  const failure = failureOf(err);
  if (failure === undefined) throw err;
  return codeName(codeOf(failure));
}

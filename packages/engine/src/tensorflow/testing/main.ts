// A process that makes attempts on the engine and says of each that it begins and how it ended: whoever started it knows by that what it died of.
// usage: main.js requests|models DIR SCRATCH FIRST COUNT
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { background, codeName, codeOf, failureOf, withTimeout } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import { type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import type { LoadedModel } from "../../engine.ts";
import { newGate } from "../../native/index.ts";
import { newTensorFlowEngine } from "../index.ts";
import { models } from "./find.ts";
import { mutateModel, mutateRequest } from "./mutate.ts";
import { newRandom } from "./random.ts";

const [kind, dir = "", scratch = "", first = "0", count = "0"] = process.argv.slice(2);
const engine = newTensorFlowEngine({ dir, gate: newGate({ places: 4 }) });
const ctx = background();
const names = readdirSync(models, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .filter((name) => kind === "models" || !["rounds", "cond_loop"].includes(name)); // these go round as often as the request says
const loaded = new Map<string, LoadedModel>();

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
    return cases.map(({ inputs }) => ({
      feeds: new Map(Object.entries(inputs).map(([input, t]) => [graphName(signature.inputs[input]), goldenTensor(t)])),
      fetches,
    }));
  });
}

async function attemptRequest(seed: number): Promise<string> {
  const r = newRandom(seed);
  const name = names[Math.floor(seed / 50) % names.length]!;
  let model = loaded.get(name);
  if (model === undefined) {
    model = await engine.load(ctx, firstVersion(name));
    for (const old of loaded.values()) await old.close();
    loaded.clear();
    loaded.set(name, model);
  }
  const all = requests(name, model).filter((request) => request.fetches.length > 0);
  if (all.length === 0) return "nothing to ask";
  const { feeds, fetches } = r.pick(all);
  const nodes = model.metaGraph.graphDef!.node.map((node) => node.name);
  const mutated = mutateRequest(r, feeds, fetches, nodes);
  await model.run(ctx, mutated.feeds, mutated.fetches);
  return "ran";
}

async function attemptModel(seed: number): Promise<string> {
  const r = newRandom(seed);
  const name = names[seed % names.length]!;
  mutateModel(r, firstVersion(name), scratch);
  const model = await engine.load(ctx, scratch);
  try {
    let ran = 0;
    for (const { feeds, fetches } of requests(name, model).slice(0, 2)) {
      using limited = withTimeout(ctx, 5000); // a graph that goes round for good is the model's own fault; its caller is let go
      await model.run(limited, feeds, fetches).then(
        () => ran++,
        (err: unknown) => refused(err),
      );
    }
    return ran > 0 ? "ran" : "loaded";
  } finally {
    await model.close();
  }
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

for (let i = Number(first); i < Number(first) + Number(count); i++) {
  process.stdout.write(`begin ${i}\n`);
  const outcome = await (kind === "models" ? attemptModel(i) : attemptRequest(i)).catch(refused);
  process.stdout.write(`end ${i} ${outcome}\n`);
}
for (const model of loaded.values()) await model.close();
process.stdout.write(`rss ${process.memoryUsage.rss()}\n`);

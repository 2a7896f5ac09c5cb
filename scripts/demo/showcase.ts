import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, newClient, type PredictResult, type TensorOutput } from "@tfs/sdk";
import { fromStrings, type Tensor } from "@tfs/tensor";
import { assertClose, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";

/** Row is one line of the table, and whether the prediction is TensorFlow's own. */
export interface Row {
  readonly cells: readonly string[];
  readonly ok: boolean;
}

interface Case {
  readonly name: string;
  readonly inputs: Record<string, GoldenTensor>;
  readonly outputs: Record<string, GoldenTensor>;
  readonly labels?: readonly number[];
  readonly tolerance: number;
}

/** The models of the demo, and the golden case of each that is shown. */
export const shown: readonly { readonly model: string; readonly version: string; readonly golden: string }[] = [
  { model: "digits", version: "1", golden: "sixteen held-out images" },
  { model: "half_plus_two", version: "2", golden: "three rows" },
  { model: "text", version: "1", golden: "three sentences" },
  { model: "first_model", version: "1", golden: "three rows" },
];

/** predictions sends each model's golden inputs through the gateway, by gRPC with the SDK and by REST, and holds the answers to TensorFlow's. */
export async function predictions(models: string, gateway: string): Promise<Row[]> {
  const rows: Row[] = [];
  await using client = newClient({ target: gateway });
  for (const { model, version, golden } of shown) {
    const tc = caseOf(models, model, version, golden);
    rows.push(await overGrpc(client, model, tc), await overRest(gateway, model, tc));
  }
  return rows;
}

function caseOf(models: string, model: string, version: string, name: string): Case {
  const file = JSON.parse(readFileSync(join(models, model, "golden.json"), "utf8")) as {
    versions: Record<string, { signatures: Record<string, { cases: Case[] }> }>;
  };
  const found = file.versions[version]?.signatures["serving_default"]?.cases.find((c) => c.name === name);
  if (found === undefined) throw new Error(`${model}/${version} has no golden case ${name}`);
  return found;
}

/** The tolerance that the issue of a wrong prediction is decided by: the embedded engine's bar. */
const tolerance = 1e-5;

async function overGrpc(client: Client, model: string, tc: Case): Promise<Row> {
  const inputs = Object.fromEntries(Object.entries(tc.inputs).map(([alias, t]) => [alias, goldenTensor(t)]));
  await client.predict({ model, inputs }); // the first call connects and warms up; the second is the one that is timed
  const started = performance.now();
  const { outputs, model: answered } = await client.predict({ model, inputs });
  const ms = performance.now() - started;
  const got = Object.fromEntries(Object.entries(outputs).map(([alias, t]) => [alias, t]));
  return row(`${model}/${answered.version}`, "gRPC", tc, got, ms);
}

async function overRest(gateway: string, model: string, tc: Case): Promise<Row> {
  await using client = newClient({ target: gateway, transport: "rest" });
  const inputs = Object.fromEntries(Object.entries(tc.inputs).map(([alias, t]) => [alias, goldenTensor(t)]));
  await client.predict({ model, inputs });
  const started = performance.now();
  const { outputs }: PredictResult = await client.predict({ model, inputs });
  return row(model, "REST", tc, outputs, performance.now() - started);
}

function row(model: string, via: string, tc: Case, outputs: Readonly<Record<string, TensorOutput>>, ms: number): Row {
  const wrong = mismatch(tc, outputs);
  return { cells: [model, via, inputText(tc), outputText(tc, outputs), `${ms.toFixed(1)} ms`, wrong ?? "as TensorFlow"], ok: wrong === undefined };
}

function mismatch(tc: Case, outputs: Readonly<Record<string, TensorOutput>>): string | undefined {
  for (const [alias, golden] of Object.entries(tc.outputs)) {
    const [got, want] = [outputs[alias], goldenTensor(golden)];
    if (got === undefined) return `${alias} is missing`;
    try {
      assertClose({ dtype: want.dtype, shape: got.shape, data: got.data } satisfies Tensor, want, tolerance, alias);
    } catch (err) {
      return (err as Error).message;
    }
  }
  return undefined;
}

const width = 44;
const cut = (text: string): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);
const plain = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? Number(v) : typeof v === "number" ? Number(v.toPrecision(4)) : v));

function inputText(tc: Case): string {
  const [[alias, golden] = ["", undefined]] = Object.entries(tc.inputs);
  if (golden === undefined) return "";
  if (tc.labels !== undefined) return `${tc.labels.length} images of ${tc.labels.join(" ")}`;
  const t = goldenTensor(golden);
  const values =
    t.dtype === fromStrings([]).dtype ? (t.data as readonly Uint8Array[]).map((b) => new TextDecoder().decode(b)) : Array.from(t.data as ArrayLike<unknown>);
  return cut(`${alias} = ${plain(values)}`);
}

function outputText(tc: Case, outputs: Readonly<Record<string, TensorOutput>>): string {
  const digits = outputs["digit"];
  if (tc.labels !== undefined && digits !== undefined) return `digits ${(digits.toArray() as readonly bigint[]).join(" ")}`;
  return cut(
    Object.entries(outputs)
      .map(([alias, t]) => `${alias} = ${plain(t.toArray())}`)
      .join("  "),
  );
}

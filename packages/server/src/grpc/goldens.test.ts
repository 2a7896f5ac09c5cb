import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { ExampleSchema, InputSchema, PredictionService } from "@tfs/proto";
import { fromMessage, type Tensor, toMessage } from "@tfs/tensor";
import { assertClose, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import { models, serve, wires } from "../testing/index.ts";

type Tensors = Readonly<Record<string, GoldenTensor>>;
interface Case {
  readonly name: string;
  readonly inputs: Tensors;
  readonly outputs?: Tensors;
  readonly error?: { readonly code: number; readonly message: string };
  /** examples tells that the inputs are serialised examples, so that Classify and Regress can send them too. */
  readonly examples?: unknown;
  readonly tolerance: number;
}
interface Golden {
  readonly model: string;
  readonly versions: Readonly<Record<string, { readonly signatures: Readonly<Record<string, { readonly method: string; readonly cases: readonly Case[] }>> }>>;
}

const goldens = readdirSync(models, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => JSON.parse(readFileSync(join(models, entry.name, "golden.json"), "utf8")) as Golden);
const names = goldens.map(({ model }) => model);
const served = await serve(names);
const content = await serve(names, { form: "content" });
// Binary and JSON take different ways through the server, and so does each form of answer.
const ways = [
  { form: "value fields", wires: wires(served.grpc).filter(({ name }) => ["grpc", "connect with JSON"].includes(name)) },
  { form: "tensor_content", wires: wires(content.grpc).filter(({ name }) => ["grpc", "connect with JSON"].includes(name)) },
];
after(async () => {
  for (const way of ways) for (const wire of way.wires) wire[Symbol.dispose]();
  await served[Symbol.asyncDispose]();
  await content[Symbol.asyncDispose]();
});

/** A base path is served at its largest version. */
function cases(visit: (model: string, signatureName: string, method: string, tc: Case) => void): void {
  for (const { model, versions } of goldens) {
    const largest = Object.keys(versions).sort((a, b) => Number(b) - Number(a))[0]!;
    for (const [name, { method, cases: list }] of Object.entries(versions[largest]!.signatures)) for (const tc of list) visit(model, name, method, tc);
  }
}

for (const { form, wires: list } of ways) {
  for (const wire of list) {
    const client = createClient(PredictionService, wire.transport);
    cases((model, signatureName, method, tc) => {
      const title = `${wire.name}, ${form}: ${model} ${signatureName}: ${tc.name}`;
      test(`${title} is TensorFlow's answer`, async () => {
        const inputs = Object.fromEntries(Object.entries(tc.inputs).map(([alias, t]) => [alias, toMessage(goldenTensor(t))]));
        const call = client.predict({ modelSpec: { name: model, signatureName }, inputs });
        if (tc.error !== undefined) {
          await assert.rejects(call, (err) => err instanceof ConnectError && Code[err.code] === Code[tc.error!.code]);
          return;
        }
        const { outputs } = await call;
        assert.deepEqual(Object.keys(outputs).sort(), Object.keys(tc.outputs ?? {}).sort());
        for (const [alias, want] of Object.entries(tc.outputs ?? {})) {
          const message = outputs[alias]!;
          assertClose(fromMessage(message), goldenTensor(want), tc.tolerance, alias);
          if (want.shape.every((n) => n > 0)) assert.equal(message.tensorContent.length > 0, form === "tensor_content");
        }
      });
      if (tc.examples === undefined) return;
      test(`${title} is what ${method} gives`, async () => {
        const examples = (goldenTensor(tc.inputs["inputs"]!).data as readonly Uint8Array[]).map((bytes) => fromBinary(ExampleSchema, bytes));
        const request = { modelSpec: { name: model, signatureName }, input: create(InputSchema, { kind: { case: "exampleList", value: { examples } } }) };
        const want = goldenTensor((tc.outputs?.["outputs"] ?? tc.outputs?.["scores"])!);
        assert.deepEqual(method === "classify" ? await scores(request) : await values(request), numbers(want));
      });
    });

    type Request = Parameters<typeof client.classify>[0] & Parameters<typeof client.regress>[0];
    const scores = async (request: Request) => (await client.classify(request)).result?.classifications.flatMap((row) => row.classes.map(({ score }) => score));
    const values = async (request: Request) => (await client.regress(request)).result?.regressions.map(({ value }) => value);
  }
}

function numbers(t: Tensor): number[] {
  return [...(t.data as Float32Array)];
}

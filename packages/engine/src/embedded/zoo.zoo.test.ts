// The zoo: models as people export them (scripts/models/zoo.py), each made when it is first asked for. Outputs are as near to TensorFlow's as 1e-4 of
// their largest number; integers and strings are equal.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { background } from "@tfs/std";
import { assertNear, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import { newEmbeddedEngine } from "./index.ts";
import type { Kernel } from "./kernel.ts";
import { kernels } from "./kernels/index.ts";

interface Golden {
  readonly signatures: Readonly<Record<string, readonly Case[]>>;
}
interface Case {
  readonly name: string;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
}

const nearness = 1e-4;
const root = fileURLToPath(new URL("../../../../", import.meta.url));
const zoo = join(root, ".zoo");
const venv = join(root, ".tools/venv/bin/python");
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
const make = join(root, "scripts/models/zoo.py");

const listed = spawnSync(python, [make, "--to", zoo, "--list"], { encoding: "utf8" });
const members = JSON.parse(listed.stdout || "[]") as { readonly name: string; readonly family: string; readonly quick: boolean }[];
const wanted = members.filter((m) => process.env["TFS_SHORT"] === undefined || m.quick);

before(() => {
  const absent = wanted.filter((m) => !existsSync(join(zoo, m.name, "golden.json"))).map((m) => m.name);
  if (absent.length > 0) spawnSync(python, [make, "--to", zoo, ...absent], { stdio: ["ignore", "inherit", "inherit"] });
});

test("zoo: there are members", () => assert.ok(members.length > 100, listed.stderr));
for (const { name, family } of wanted) test(`zoo: ${family}: ${name}`, () => compare(name));

test("zoo: a kernel that is off by a thousandth is found", async (t) => {
  const table = kernels as { Mean: (typeof kernels)[string] };
  const right = table.Mean;
  t.after(() => {
    table.Mean = right;
  });
  table.Mean = (node) => {
    const kernel = right(node);
    return ((inputs, state) => {
      const out = kernel(inputs, state) as { readonly data: Float32Array };
      return { ...out, data: out.data.map((v) => v * 1.001) };
    }) as Kernel;
  };
  await assert.rejects(compare("MobileNet", 0), /want/); // a thread would have the right one
});

async function compare(name: string, threads?: number): Promise<void> {
  const golden = JSON.parse(readFileSync(join(zoo, name, "golden.json"), "utf8")) as Golden;
  const ctx = background();
  const model = await newEmbeddedEngine(threads === undefined ? {} : { threads }).load(ctx, join(zoo, name, "1"));
  try {
    for (const [signature, cases] of Object.entries(golden.signatures)) {
      const { inputs, outputs } = model.metaGraph.signatureDef[signature]!;
      const tensor = (info: (typeof inputs)[string] | undefined): string => String(info?.encoding.value);
      for (const tc of cases) {
        const feeds = new Map(Object.entries(tc.inputs).map(([alias, t]) => [tensor(inputs[alias]), goldenTensor(t)]));
        const aliases = Object.keys(tc.outputs);
        const got = await model.run(
          ctx,
          feeds,
          aliases.map((alias) => tensor(outputs[alias])),
        );
        aliases.forEach((alias, i) => {
          assertNear(got[i]!, goldenTensor(tc.outputs[alias]!), nearness, `${signature}, ${tc.name}: ${alias}`);
        });
      }
    }
  } finally {
    await model.close();
  }
}

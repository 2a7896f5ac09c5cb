// Random small graphs (scripts/ops/fuzz.py): ours against TensorFlow. Floats within 1e-4 of the largest one, all else equal; where TensorFlow fails, so do we, with its code.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { create, fromBinary } from "@bufbuild/protobuf";
import { GraphDefSchema, MetaGraphDefSchema } from "@tfs/proto";
import { background, codeOf } from "@tfs/std";
import { DType, type Tensor } from "@tfs/tensor";
import { assertClose, assertNear, type GoldenTensor, goldenTensor } from "@tfs/tensor/testing";
import { compile } from "./compile.ts";
import { libraryOf } from "./flat.ts";
import { newModel } from "./model.ts";

interface Case {
  readonly seed: number;
  readonly graph: string;
  readonly feeds: Readonly<Record<string, GoldenTensor>>;
  readonly fetches: readonly string[];
  /** inexact says which of them are floats that were computed. */
  readonly inexact: readonly boolean[];
  readonly outputs?: readonly GoldenTensor[];
  readonly error?: { readonly code: number; readonly message: string };
}

const short = process.env["TFS_SHORT"] !== undefined;
const count = short ? 300 : 5000;
const first = short ? 1 : Date.now() % 1_000_000_000;
const root = fileURLToPath(new URL("../../../../", import.meta.url));
const venv = join(root, ".tools/venv/bin/python");
const python = process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");

test(`${count} random graphs from seed ${first} on give what TensorFlow gives`, async (t) => {
  const wrong: string[] = [];
  let [compared, failing] = [0, 0];
  // Two at a time: most of it is TensorFlow's time.
  const part = async (from: number): Promise<void> => {
    const child = spawn(python, [join(root, "scripts/ops/fuzz.py"), String(count / 2), String(from)], { stdio: ["ignore", "pipe", "ignore"] });
    for await (const line of createInterface({ input: child.stdout })) {
      const tc = JSON.parse(line) as Case;
      compared++;
      if (tc.error !== undefined) failing++;
      try {
        await check(tc);
      } catch (err) {
        wrong.push(`seed ${tc.seed}: ${(err as Error).message}`);
      }
    }
  };
  await Promise.all([part(first), part(first + count)]);
  t.diagnostic(`${compared} graphs, ${failing} of them fail in TensorFlow`);
  assert.deepEqual(wrong, []);
  assert.equal(compared, count);
});

async function check(tc: Case): Promise<void> {
  const graph = fromBinary(GraphDefSchema, Buffer.from(tc.graph, "base64"));
  const library = libraryOf(graph);
  const model = newModel(create(MetaGraphDefSchema), compile(graph, library), new Map());
  const feeds = new Map(Object.entries(tc.feeds).map(([name, tensor]) => [name, goldenTensor(tensor)]));
  if (tc.error !== undefined) {
    const { code, message } = tc.error;
    await assert.rejects(model.run(background(), feeds, tc.fetches), (err) => codeOf(err) === code, `TensorFlow fails with ${code}, ${message}`);
    return;
  }
  const got = await model.run(background(), feeds, tc.fetches);
  tc.fetches.forEach((name, i) => {
    const want = goldenTensor(tc.outputs![i]!);
    if (tc.inexact[i] === true) near(got[i]!, want, name);
    else assertClose(got[i]!, want, 0, name);
  });
}

/** near holds floats that were computed; what is left of numbers that cancel out is noise. */
function near(got: Tensor, want: Tensor, name: string): void {
  try {
    // Some of TensorFlow's functions of 16-bit floats round more than once.
    assertNear(got, want, want.dtype === DType.Half ? 4e-3 : 1e-4, name);
  } catch {
    assertClose(got, want, 1e-6, name);
  }
}

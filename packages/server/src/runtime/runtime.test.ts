import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { newEmbeddedEngine } from "@tfs/engine";
import { background, Code, systemClock, withCancel } from "@tfs/std";
import { models, silent } from "../testing/index.ts";
import { newFoundEngine } from "./found.ts";
import { engineNamed, newEngines } from "./index.ts";

const ctx = background();
const half = join(models, "half_plus_two/1");
const found = { dir: "/lib", place: "cache", files: [], sizeBytes: 1 } as const;

test("a library that is found nowhere is said, looked for again, and found when it is there", async () => {
  let looks = 0;
  const engine = newFoundEngine("openvino", { find: async () => ({ passed: [], ...(++looks > 2 && { found }) }), open: newEmbeddedEngine });
  const why = "the openvino engine's library was found nowhere; tfs-server engine probe says where it was looked for";
  assert.deepEqual(await engine.probe(ctx), { ok: false, why });
  await assert.rejects(engine.load(ctx, half), { code: Code.Unavailable, message: why });
  await (await engine.load(ctx, half)).close();
  assert.equal((await engine.probe(ctx)).ok, true);
  assert.equal(looks, 3);
});
test("an engine is opened once over the folder of its library, however many ask", async () => {
  const opened: string[] = [];
  const engine = newFoundEngine("openvino", {
    find: async () => ({ passed: [], found }),
    open: (dir) => {
      opened.push(dir);
      return newEmbeddedEngine();
    },
  });
  for (const model of await Promise.all([engine.load(ctx, half), engine.load(ctx, half)])) await model.close();
  assert.deepEqual(opened, ["/lib"]);
});
test("a load that is no longer wanted ends, and the search for the library goes on for others", async () => {
  let end = (): void => {};
  const searched = new Promise<void>((resolve) => (end = resolve));
  const find = async () => {
    await searched;
    return { passed: [], found };
  };
  const engine = newFoundEngine("openvino", { find, open: newEmbeddedEngine });
  using life = withCancel(ctx);
  const [mine, other] = [engine.load(life, half), engine.load(ctx, half)];
  life.cancel();
  await assert.rejects(mine, { code: Code.Canceled });
  end();
  await (await other).close();
});

test("engines are made once, each by its name", () => {
  const engines = newEngines({ clock: systemClock(), logger: silent });
  for (const name of ["auto", "embedded", "openvino", "tensorflow", "tfjs"] as const) {
    assert.equal(engines(name).name, name);
    assert.equal(engines(name), engines(name));
  }
});
for (const text of ["", "Auto", "toString", "embedded "])
  test(`an engine is not called ${JSON.stringify(text)}`, () =>
    assert.throws(() => engineNamed(text), {
      code: Code.InvalidArgument,
      message: `there is no engine ${text}; known: auto, embedded, openvino, tensorflow, tfjs`,
    }));

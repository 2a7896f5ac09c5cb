import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { newEmbeddedEngine } from "@tfs/engine";
import { background, Code, newError, systemClock, withCancel } from "@tfs/std";
import { models, silent } from "../testing/index.ts";
import { engineNamed, newEngines } from "./index.ts";
import { newLazyEngine } from "./lazy.ts";

const ctx = background();
const half = join(models, "half_plus_two/1");

test("an engine that cannot be opened says why, is opened anew when it is asked again, and stays once it is open", async () => {
  let opened = 0;
  const engine = newLazyEngine("openvino", async () => {
    if (++opened < 3) throw newError(Code.Unavailable, "not yet");
    return newEmbeddedEngine();
  });
  assert.deepEqual(await engine.probe(ctx), { ok: false, why: "not yet" });
  await assert.rejects(engine.load(ctx, half), { code: Code.Unavailable, message: "not yet" });
  for (const model of await Promise.all([engine.load(ctx, half), engine.load(ctx, half)])) await model.close();
  assert.equal((await engine.probe(ctx)).ok, true);
  assert.equal(opened, 3);
});
test("a load that is no longer wanted ends, and the opening goes on for others", async () => {
  let end = (): void => {};
  const opened = new Promise<void>((resolve) => (end = resolve));
  const engine = newLazyEngine("openvino", async () => {
    await opened;
    return newEmbeddedEngine();
  });
  using life = withCancel(ctx);
  const [mine, other] = [engine.load(life, half), engine.load(ctx, half)];
  life.cancel();
  await assert.rejects(mine, { code: Code.Canceled });
  end();
  await (await other).close();
});
for (const name of ["openvino", "tensorflow"] as const)
  test(`${name}'s library that is found nowhere is said`, async () => {
    const engine = newEngines({ clock: systemClock(), logger: silent })(name);
    const why = `the ${name} engine's library was found nowhere; tfs-server engine probe says where it was looked for`;
    assert.deepEqual(await engine.probe(ctx), { ok: false, why });
    await assert.rejects(engine.load(ctx, half), { code: Code.Unavailable, message: why });
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

// Loops that run long: they rest, so that others have their turns, and give what they give without a rest.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { background, Code, type Ctx, newError, withCancel, withTimeout } from "@tfs/std";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import type { LoadedModel } from "../engine.ts";
import { newEmbeddedEngine } from "./index.ts";

const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
const load = (name: string): Promise<LoadedModel> => newEmbeddedEngine().load(background(), join(models, name, "1"));
const int = (value: number): Tensor => newTensor(DType.Int32, [], Int32Array.of(value));

/** Longer than anybody waits. */
const endless = 2_000_000_000;

/** rounds calls the model of that name: it gives the sum that its loops make, and how many outer rounds there were since it was loaded. */
function rounds(model: LoadedModel, outer: number, inner: number, ctx: Ctx = background()): Promise<readonly unknown[]> {
  return numbers(model, "serving_default", ["total", "count"], { outer: int(outer), inner: int(inner) }, ctx);
}

async function numbers(model: LoadedModel, signature: string, outputs: readonly string[], inputs: Readonly<Record<string, Tensor>>, ctx: Ctx) {
  const { inputs: from, outputs: to } = model.metaGraph.signatureDef[signature]!;
  const feeds = new Map(Object.entries(inputs).map(([alias, t]) => [String(from[alias]!.encoding.value), t]));
  const got = await model.run(
    ctx,
    feeds,
    outputs.map((alias) => String(to[alias]!.encoding.value)),
  );
  return got.map((t) => t.data[0]);
}

/** doubled calls cond_loop: x doubled n times, and one more. */
async function doubled(model: LoadedModel, n: number, ctx: Ctx = background()): Promise<unknown> {
  const x = newTensor(DType.Float, [1], Float32Array.of(1));
  return (await numbers(model, "serving_default", ["y"], { x, n: int(n) }, ctx))[0];
}

/** newTurns counts the turns of the event loop until it is stopped. */
function newTurns(): { count: number } & Disposable {
  let stopped = false;
  const turns = {
    count: 0,
    [Symbol.dispose]() {
      stopped = true;
    },
  };
  const tick = (): void => {
    turns.count++;
    if (!stopped) setImmediate(tick);
  };
  setImmediate(tick);
  return turns;
}

test("embedded: loops in loops that take long give what short ones give, and others have their turns", async () => {
  const model = await load("rounds");
  assert.deepEqual(await rounds(model, 3, 4), [18, 3n]);
  using turns = newTurns();
  assert.deepEqual(await rounds(model, 400, 50), [400 * 98, 403n]);
  assert.ok(turns.count > 0);
  assert.deepEqual(await rounds(model, 1, 20_000), [39_998, 404n]); // it is the inner loop that rests
  assert.deepEqual(await rounds(model, 3, 4), [18, 407n]);
  await model.close();
});

test("embedded: who calls a model whose state a long loop changes sees all of the change, or none", async () => {
  const model = await load("rounds");
  using cancelled = withCancel(background());
  const first = rounds(model, 400, 50);
  const others = [
    numbers(model, "counted", ["count"], {}, background()),
    rounds(model, 400, 50).then(([, count]) => count),
    rounds(model, 0, 0, cancelled).catch((err: unknown) => err),
  ];
  const reason = newError(Code.Canceled, "enough");
  cancelled.cancel(reason);
  assert.equal((await first)[1], 400n);
  assert.deepEqual(await Promise.all(others), [[400n], 800n, reason]);
  await model.close();
});

test("embedded: calls of a model are answered while a loop of its runs that changes nothing and never ends; it ends when nobody waits any more", async () => {
  const model = await load("cond_loop");
  using caller = withCancel(background());
  const run = doubled(model, endless, caller);
  assert.equal(await doubled(model, 3), 9);
  const reason = newError(Code.Canceled, "gone");
  caller.cancel(reason);
  await assert.rejects(run, (err) => err === reason);
  assert.equal(await doubled(model, 3), 9);
  await model.close();
});

test("embedded: a model is closed when its last loop has ended", async () => {
  const model = await load("cond_loop");
  using caller = withCancel(background());
  const run = doubled(model, endless, caller).catch(() => {});
  let closed = false;
  const closing = model.close().then(() => {
    closed = true;
  });
  await assert.rejects(doubled(model, 1), { code: Code.Unavailable });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(closed, false);
  caller.cancel();
  await Promise.all([run, closing]);
});

test("embedded: a loop without an end ends with the deadline, and what has waited for it goes on", async () => {
  const model = await load("rounds");
  using caller = withTimeout(background(), 100);
  const run = rounds(model, endless, 1, caller);
  const next = rounds(model, 1, 1);
  await assert.rejects(run, { code: Code.DeadlineExceeded });
  assert.equal((await next)[0], 1);
  await model.close();
});

test("embedded: loops of TensorFlow 1 rest and end as others do", async () => {
  const model = await load("loops_v1");
  using turns = newTurns();
  const counted = (limit: number, ctx: Ctx): Promise<readonly unknown[]> => numbers(model, "count", ["count"], { limit: int(limit) }, ctx);
  assert.deepEqual(await counted(30_000, background()), [30_000]);
  assert.ok(turns.count > 0);
  using caller = withTimeout(background(), 100);
  await assert.rejects(counted(endless, caller), { code: Code.DeadlineExceeded });
  assert.deepEqual(await counted(3, background()), [3]);
  await model.close();
});

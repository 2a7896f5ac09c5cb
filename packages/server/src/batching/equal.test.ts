// Batched equals unbatched: whatever requests come, each gets what it would have got by itself.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { newEmbeddedEngine } from "@tfs/engine";
import { background, canceled, type CancelCtx, Code, type Ctx, newError, systemClock, withCancel } from "@tfs/std";
import { newRegistry } from "@tfs/std/metrics";
import { fakeClock } from "@tfs/std/testing";
import { DType, layoutOf, newTensor, type Tensor, toBytes } from "@tfs/tensor";
import { newLoads } from "../servable/loads.ts";
import { loadServable, type Servable } from "../servable/servable.ts";
import { models } from "../testing/index.ts";
import type { Feeds } from "./rows.ts";
import { newBatching, paddings, type Parameters, policies } from "./index.ts";
import { withPriority } from "../priority/index.ts";

const dtypes = [DType.Float, DType.Int64, DType.String, DType.Bool, DType.Complex64, DType.Half];

/** Request is one call of the property: what it sends, when it comes and goes, and whether the model cannot bear it. */
interface Request {
  readonly dtype: DType;
  readonly rows: number;
  readonly inner: readonly number[];
  readonly fetches: readonly string[];
  readonly isBad: boolean;
  /** afterMs passes before it comes. */
  readonly afterMs: number;
  /** leavesMs after it came its caller leaves, deadlineMs after it came its time is up. */
  readonly leavesMs: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly priority: "high" | "low";
}

const request: fc.Arbitrary<Request> = fc.record({
  dtype: fc.oneof({ weight: 5, arbitrary: fc.constant(DType.Float) }, { weight: 2, arbitrary: fc.constantFrom(...dtypes) }),
  rows: fc.nat({ max: 7 }),
  inner: fc.oneof({ weight: 4, arbitrary: fc.constant([2]) }, { weight: 1, arbitrary: fc.constantFrom([], [3], [1, 2], [0]) }),
  fetches: fc.constantFrom(["same", "first"], ["same", "first"], ["first", "same"], ["same"], ["first", "first"]),
  isBad: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  afterMs: fc.constantFrom(0, 0, 0, 1, 7),
  leavesMs: fc.option(fc.nat({ max: 20 }), { freq: 8, nil: undefined }),
  deadlineMs: fc.option(fc.integer({ min: 1, max: 30 }), { freq: 8, nil: undefined }),
  priority: fc.constantFrom("high", "high", "low"),
});

const parameters: fc.Arbitrary<Parameters> = fc
  .record({
    maxBatchSize: fc.integer({ min: 4, max: 12 }),
    batchTimeoutMicros: fc.constantFrom(0, 500, 5_000),
    maxEnqueuedBatches: fc.constantFrom(1, 4, 100),
    numBatchThreads: fc.integer({ min: 1, max: 3 }),
    allowed: fc.constantFrom([], [3], [1, 2]),
    enableLargeBatchSplitting: fc.boolean(),
    execution: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ allowed, execution, ...rest }) => ({
    ...rest,
    ...(allowed.length > 0 ? { allowedBatchSizes: [...allowed, rest.maxBatchSize] } : {}),
    ...(rest.enableLargeBatchSplitting ? { maxExecutionBatchSize: execution } : {}),
  }));

/** tensorOf makes values that no two requests share. */
function tensorOf({ dtype, rows, inner }: Request, id: number): Tensor {
  const shape = [rows, ...inner];
  const { array, width } = layoutOf(dtype);
  const n = shape.reduce((a, b) => a * b, 1) * width;
  const value = (i: number): number => (id * 131 + i * 7) % 251;
  if (array === undefined)
    return newTensor(
      dtype,
      shape,
      Array.from({ length: n }, (_, i) => Buffer.from(`${id}.${i}`)),
    );
  const data = new array(n);
  for (let i = 0; i < n; i++) data[i] = dtype === DType.Int64 ? BigInt(value(i)) : dtype === DType.Bool ? value(i) % 2 : value(i);
  return newTensor(dtype, shape, data);
}

/** model gives the input back, and the number of each row's request; a negative number is one that it cannot bear. It takes `ms` of a clock. */
function model(run: (ms: number) => Promise<void>): Servable["run"] {
  return async (_, given, fetches) => {
    const [x, id] = [given.get("x")!, given.get("id")!];
    await run((id.data as Int32Array).length % 4);
    const bad = (id.data as Int32Array).find((v) => v < 0);
    if (bad !== undefined) throw newError(Code.InvalidArgument, `request ${bad}`);
    return fetches.map((name) => (name === "same" ? x : id));
  };
}

const shown = (tensors: readonly Tensor[]): unknown =>
  tensors.map((t) => [t.dtype, t.shape, t.dtype === DType.String ? (t.data as readonly Uint8Array[]).map(String) : [...toBytes(t)]]);
async function outcome(call: Promise<readonly Tensor[]>): Promise<{ readonly said: unknown; readonly err?: unknown }> {
  try {
    return { said: shown(await call) };
  } catch (err) {
    return { said: String(err), err };
  }
}

test("batched equals unbatched: random shapes, dtypes, errors, cancellations and deadlines", async () => {
  const met = { answers: 0, errors: 0, full: 0, gone: 0, overdue: 0, large: 0, joined: 0 };
  await fc.assert(
    fc.asyncProperty(
      parameters,
      fc.constantFrom(...policies),
      fc.constantFrom(...paddings),
      fc.array(request, { minLength: 1, maxLength: 30 }),
      async (given, policy, padding, requests) => {
        const clock = fakeClock();
        const busy = (ms: number): Promise<void> => (ms === 0 ? Promise.resolve() : new Promise((resolve) => void clock.after(ms, resolve)));
        let runs = 0;
        const counted = model(busy);
        const bare = model(() => Promise.resolve());
        const run: Servable["run"] = (...args) => {
          runs++;
          return counted(...args);
        };
        const inner: Servable = { name: "m", version: 1n, signatures: new Map(), chosen: { engine: "embedded", why: "" }, run, close: async () => {} };
        const batching = newBatching({ parameters: given, policy, padding, cpus: 2, clock, metrics: newRegistry(), defer: setImmediate });
        const servable = await batching.wrap(inner, "/nowhere");
        const calls = [];
        for (const [i, r] of requests.entries()) {
          const [x, id] = [tensorOf(r, i + 1), newTensor(DType.Int32, [r.rows], new Int32Array(r.rows).fill(r.isBad ? -i - 1 : i + 1))];
          const feeds: Feeds = new Map([
            ["x", x],
            ["id", id],
          ]);
          if (r.afterMs > 0) {
            await new Promise(setImmediate);
            await clock.advance(r.afterMs);
          }
          const cancelled: CancelCtx = withCancel(background());
          const own: Ctx = { signal: cancelled.signal, deadline: r.deadlineMs === undefined ? Infinity : clock.now() + r.deadlineMs, value: () => undefined };
          const ctx = withPriority(own, { get: () => r.priority });
          if (r.leavesMs === 0) cancelled.cancel();
          else if (r.leavesMs !== undefined) clock.after(r.leavesMs, () => cancelled.cancel());
          calls.push({ r, got: outcome(servable.run(ctx, feeds, r.fetches)), want: await outcome(bare(ctx, feeds, r.fetches)) });
        }
        const settled = Promise.all(calls.map(({ got }) => got));
        let over = false;
        void settled.then(() => (over = true));
        for (let i = 0; i < 2_000 && !over; i++) {
          await new Promise(setImmediate);
          await clock.advance(1);
        }
        assert.ok(over, "a request is never answered");
        let answered = 0;
        for (const { r, got, want } of calls) {
          const { said, err } = await got;
          const code = (err as { code?: Code } | undefined)?.code;
          if (r.rows > given.maxBatchSize!) {
            assert.equal(code, Code.InvalidArgument);
            met.large++;
          } else if (code === Code.Unavailable) {
            assert.match(String(err), /The batch scheduling queue to which this task was submitted is full/);
            met.full++;
          } else if (err === canceled && r.leavesMs !== undefined) met.gone++;
          else if (code === Code.ResourceExhausted && r.deadlineMs !== undefined) met.overdue++;
          else {
            assert.deepEqual(said, want.said);
            answered++;
            if (err === undefined) met.answers++;
            else met.errors++;
          }
        }
        if (runs < answered) met.joined++;
        await clock.advance(100);
        assert.equal(clock.pending, 0, "a timer is left behind");
      },
    ),
    { numRuns: 400 },
  );
  for (const [what, times] of Object.entries(met)) if (what !== "large") assert.ok(times > 10, `${what}: only ${times}`);
});

const engine = newEmbeddedEngine();
const loaded: Servable[] = [];
after(() => Promise.all(loaded.map((servable) => servable.close())));
for (const { name, inner, feed, fetch } of [
  { name: "half_plus_two", inner: [], feed: "x:0", fetch: "y:0" },
  { name: "matrix", inner: [3, 3], feed: "x:0", fetch: "y:0" },
])
  test(`batched equals unbatched: ${name} by the embedded engine`, async () => {
    const [path, loads] = [join(models, name, "1"), newLoads(newRegistry())];
    const servable = await loadServable(background(), { engines: () => engine, tags: ["serve"], loads }, { name, version: 1n, path }, path);
    loaded.push(servable);
    let runs = 0;
    const run: Servable["run"] = (...args) => {
      runs++;
      return servable.run(...args);
    };
    const most = { maxBatchSize: 16, allowedBatchSizes: [4, 8, 16], maxEnqueuedBatches: 1000 };
    const batching = newBatching({ parameters: most, cpus: 2, clock: systemClock(), metrics: newRegistry(), defer: setImmediate });
    const batched = await batching.wrap({ ...servable, run }, "/nowhere");
    let requests = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 }), async (sizes) => {
        const each = inner.reduce((a, b) => a * b, 1);
        const all = sizes.map((rows, i) =>
          newTensor(
            DType.Float,
            [rows, ...inner],
            Float32Array.from({ length: rows * each }, (_, j) => i * 100 + j),
          ),
        );
        const got = await Promise.all(all.map((x) => outcome(batched.run(background(), new Map([[feed, x]]), [fetch]))));
        const want = await Promise.all(all.map((x) => outcome(servable.run(background(), new Map([[feed, x]]), [fetch]))));
        assert.deepEqual(got, want);
        requests += sizes.length;
      }),
      { numRuns: 50 },
    );
    assert.ok(runs < requests / 2, `${runs} runs for ${requests} requests`);
  });

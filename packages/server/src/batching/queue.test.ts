import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { newQueue, type QueueLimits } from "./queue.ts";

const limits: QueueLimits = { maxTaskRows: 4, maxBatchRows: 4, maxBatches: 3, timeoutMs: 10, splits: false, downSizes: [] };
const splitting: QueueLimits = { ...limits, maxTaskRows: 100, splits: true };

interface Named {
  readonly name: string;
  readonly rows: number;
}

/**
 * play reads steps: "5 a3" is a task called a of 3 rows at 5 ms, "7" a look at 7 ms, "-a" takes a out. It gives a word for each batch that a look gives, "a3+b1@7",
 * and one for each refusal. Looks take one batch each.
 */
function play(with_: QueueLimits, steps: string): string[] {
  const queue = newQueue<Named>(with_);
  const out: string[] = [];
  let now = 0;
  for (const step of steps.split(", ")) {
    const [, left] = /^-(\w)$/.exec(step) ?? [];
    const [, at, name, rows] = /^(\d+)(?: (\w)(\d+))?$/.exec(step) ?? [];
    if (left !== undefined) {
      out.push(`-${queue.drop((task) => task.name === left).map((task) => task.name + task.rows)}`);
      continue;
    }
    now = Number(at);
    if (name !== undefined) {
      try {
        for (const piece of queue.pieces(Number(rows)) ?? [Number(rows)]) queue.push({ name, rows: piece }, now);
      } catch (err) {
        out.push((err as Error).message);
      }
      continue;
    }
    const batch = queue.take(now);
    if (batch === undefined) out.push(queue.isEmpty ? "empty" : "wait");
    else {
      assert.equal(
        batch.rows,
        batch.tasks.reduce((sum, task) => sum + task.rows, 0),
      );
      out.push(`${batch.tasks.map((task) => task.name + task.rows).join("+")}@${now}`);
    }
  }
  return out;
}

const full = "The batch scheduling queue to which this task was submitted is full";
const rows: readonly { readonly name: string; readonly limits?: Partial<QueueLimits>; readonly steps: string; readonly want: readonly string[] }[] = [
  { name: "an empty queue has nothing to run", steps: "0", want: ["empty"] },
  { name: "a batch waits for its timeout", steps: "0 a1, 9, 10", want: ["wait", "a1@10"] },
  { name: "the timeout counts from the first task, not from the last", steps: "0 a1, 9 b1, 10", want: ["a1+b1@10"] },
  { name: "after a batch was taken the next one has a timeout of its own", steps: "0 a1, 10, 12 b1, 21, 22", want: ["a1@10", "wait", "b1@22"] },
  { name: "a full batch runs at once", steps: "0 a2, 1 b2, 1", want: ["a2+b2@1"] },
  { name: "a batch may be exactly full, and the next task begins another", steps: "0 a4, 0 b1, 0, 0, 10", want: ["a4@0", "wait", "b1@10"] },
  { name: "a task that does not fit closes the batch, which then runs at once", steps: "0 a3, 1 b2, 1, 1, 11", want: ["a3@1", "wait", "b2@11"] },
  { name: "a smaller task does not pass a larger one by", steps: "0 a3, 0 b2, 0 c1, 0, 10", want: ["a3@0", "b2+c1@10"] },
  { name: "without a timeout what is there runs", limits: { timeoutMs: 0 }, steps: "3 a1, 3 b1, 3", want: ["a1+b1@3"] },
  { name: "a task of no rows joins a full batch", steps: "0 a4, 0 b0, 0", want: ["a4+b0@0"] },
  { name: "a task alone of no rows waits like any other", steps: "0 a0, 0, 10", want: ["wait", "a0@10"] },
  { name: "a task larger than a batch is refused", steps: "0 a5, 10", want: ["Task size 5 is larger than maximum input batch size 4", "empty"] },
  {
    name: "past the limit a task is refused that the open batch cannot hold, and one is taken that it can",
    steps: "0 a4, 0 b4, 0 c3, 0 d2, 0 e1, 0, 0, 0",
    want: [`${full}; currently 3 batches enqueued and max_enqueued_batches is 3`, "a4@0", "b4@0", "c3+e1@0"],
  },
  {
    name: "a batch that was taken counts no more",
    limits: { maxBatches: 1 },
    steps: "0 a4, 0 b1, 0, 0 b1, 10",
    want: [`${full}; currently 1 batches enqueued and max_enqueued_batches is 1`, "a4@0", "b1@10"],
  },
  { name: "split: what fits goes in whole", limits: splitting, steps: "0 a3, 0, 10", want: ["wait", "a3@10"] },
  {
    name: "split: the head fills the open batch, then whole batches, then the rest",
    limits: splitting,
    steps: "0 a3, 0 b6, 0, 0, 0, 10",
    want: ["a3+b1@0", "b4@0", "wait", "b1@10"],
  },
  { name: "split: a full open batch takes no head", limits: splitting, steps: "0 a4, 0 b5, 0, 0, 10", want: ["a4@0", "b4@0", "b1@10"] },
  { name: "split: exact multiples leave no rest", limits: splitting, steps: "0 a8, 0, 0, 0", want: ["a4@0", "a4@0", "empty"] },
  { name: "split: all the room there is may be taken", limits: splitting, steps: "0 a2, 0 b9, 0 c1, 0, 0, 0", want: ["a2+b2@0", "b4@0", "b3+c1@0"] },
  {
    name: "split: more than there is room for is refused as a whole",
    limits: splitting,
    steps: "0 a2, 0 b11, 10",
    want: [
      `${full}; task size is 11 but scheduling capacity is only 10 (num_enqueued_batches=1, max_enqueued_batches=3, open_batch_size=2, max_execution_batch_size=4)`,
      "a2@10",
    ],
  },
  {
    name: "split: an open batch that is empty counts as one",
    limits: splitting,
    steps: "0 a13, 0 b12, 0",
    want: [
      `${full}; task size is 13 but scheduling capacity is only 12 (num_enqueued_batches=1, max_enqueued_batches=3, open_batch_size=0, max_execution_batch_size=4)`,
      "b4@0",
    ],
  },
  {
    name: "split: a task larger than any may be is refused",
    limits: { ...splitting, maxTaskRows: 6 },
    steps: "0 a7",
    want: ["Task size 7 is larger than maximum input batch size 6"],
  },
  { name: "who leaves makes room in the open batch", steps: "0 a2, 0 b2, -a, 0 c2, 0", want: ["-a2", "b2+c2@0"] },
  { name: "who leaves alone takes the batch along", steps: "0 a2, -a, 0", want: ["-a2", "empty"] },
  { name: "who leaves frees a place in the queue", limits: { maxBatches: 1 }, steps: "0 a4, -a, 0 b4, 0", want: ["-a4", "b4@0"] },
  { name: "all pieces of who leaves go", limits: splitting, steps: "0 a6, 0 b1, -a, 10", want: ["-a4,a2", "b1@10"] },
  {
    name: "smaller: the last tasks are left for the next batch, which is due as this one was",
    limits: { downSizes: [2, 4] },
    steps: "0 a1, 0 b1, 1 c1, 10, 10",
    want: ["a1+b1@10", "c1@10"],
  },
  {
    name: "smaller: what comes meanwhile joins those that were left",
    limits: { downSizes: [2, 4] },
    steps: "0 a1, 0 b1, 1 c1, 10, 10 d1, 10",
    want: ["a1+b1@10", "c1+d1@10"],
  },
  { name: "smaller: a task across the bound is not cut", limits: { downSizes: [2, 4] }, steps: "0 a1, 0 b2, 10", want: ["a1+b2@10"] },
  { name: "smaller: there may be no smaller size", limits: { downSizes: [3, 4] }, steps: "0 a1, 0 b1, 10", want: ["a1+b1@10"] },
  { name: "smaller: a size that is allowed stays", limits: { downSizes: [2, 4] }, steps: "0 a1, 0 b1, 10, 10", want: ["a1+b1@10", "empty"] },
  { name: "smaller: a batch that is closed is not made smaller", limits: { downSizes: [2, 4] }, steps: "0 a1, 0 b1, 0 c1, 0 d2, 0", want: ["a1+b1+c1@0"] },
];
for (const tc of rows) test(`queue: ${tc.name}`, () => assert.deepEqual(play({ ...limits, ...tc.limits }, tc.steps), tc.want));

const codes = [
  { name: "a task that is too large is the caller's fault", rows: 5, code: Code.InvalidArgument },
  { name: "a full queue is nobody's", rows: 1, code: Code.Unavailable },
];
for (const tc of codes)
  test(`queue: ${tc.name}`, () => {
    const queue = newQueue<Named>({ ...limits, maxBatches: 1 });
    queue.push({ name: "a", rows: 4 }, 0);
    assert.throws(() => queue.pieces(tc.rows), { code: tc.code });
  });

const dues = [
  { name: "nothing", tasks: [], want: Number.POSITIVE_INFINITY },
  { name: "an open batch", tasks: [1], want: 15 },
  { name: "a full batch", tasks: [4], want: Number.NEGATIVE_INFINITY },
  { name: "a closed batch", tasks: [3, 3], want: Number.NEGATIVE_INFINITY },
];
for (const tc of dues)
  test(`queue: when ${tc.name} is due`, () => {
    const queue = newQueue<Named>(limits);
    for (const size of tc.tasks) queue.push({ name: "a", rows: size }, 5);
    assert.equal(queue.dueAt(), tc.want);
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { newLanes, type Policy } from "./lanes.ts";
import type { QueueLimits } from "./queue.ts";

interface Named {
  readonly name: string;
  readonly rows: number;
}
const high: QueueLimits = { maxTaskRows: 8, maxBatchRows: 8, maxBatches: 4, timeoutMs: 10, splits: false, downSizes: [] };
const low: QueueLimits = { ...high, maxBatchRows: 4, maxTaskRows: 4, timeoutMs: 50, maxBatches: 2 };
const allowedSizes = [2, 4, 8];

/** play reads steps as the queue's test does: "5 a3" comes at 5 ms, "7" is a look; small letters are of low priority, capital ones of high. */
function play(policy: Policy, steps: string): string[] {
  const lanes = newLanes<Named>({ high, low, policy, allowedSizes });
  const out: string[] = [];
  for (const step of steps.split(", ")) {
    const [, at = "", name, rows] = /^(\d+)(?: (\w)(\d+))?$/.exec(step)!;
    const now = Number(at);
    if (name !== undefined) {
      const queue = /[a-z]/.test(name) ? lanes.low : lanes.high;
      queue.pieces(Number(rows));
      queue.push({ name, rows: Number(rows) }, now);
      continue;
    }
    const due = lanes.dueAt() <= now;
    const batch = lanes.take(now);
    assert.equal(due, batch !== undefined, "due and taken go together");
    out.push(batch === undefined ? (lanes.isEmpty ? "empty" : "wait") : `${batch.tasks.map((task) => task.name + task.rows).join("+")}=${batch.rows}`);
  }
  return out;
}

const [max, next, isolation, merge] = [
  "low_priority_padding_with_max_batch_size",
  "low_priority_padding_with_next_allowed_batch_size",
  "priority_isolation",
  "priority_merge",
] as const;
const rows: readonly { readonly name: string; readonly policy: readonly Policy[]; readonly steps: string; readonly want: readonly string[] }[] = [
  { name: "without low priority nothing is different", policy: [max, next, isolation, merge], steps: "0 A3, 0 B5, 0, 0", want: ["A3+B5=8", "empty"] },
  {
    name: "low priority alone has its own timeout and size",
    policy: [max, next, isolation, merge],
    steps: "0 a3, 49, 50, 51 b3, 51 c2, 51",
    want: ["wait", "a3=3", "b3=3"],
  },
  { name: "a batch of high priority that is due goes first", policy: [isolation], steps: "0 a4, 0 A8, 0, 0", want: ["A8=8", "a4=4"] },
  { name: "low priority runs while high priority waits for its timeout", policy: [max, next, isolation], steps: "0 a4, 0 A1, 0, 10", want: ["a4=4", "A1=1"] },
  { name: "low priority fills the batch up to all it holds", policy: [max], steps: "0 A3, 0 a2, 0 b2, 0 c2, 10, 50", want: ["A3+a2+b2=7", "c2=2"] },
  { name: "low priority fills the batch up to the size that it is padded to", policy: [next], steps: "0 A3, 0 a1, 0 b1, 10, 50", want: ["A3+a1=4", "b1=1"] },
  { name: "a batch that needs no padding takes nobody in", policy: [next], steps: "0 A4, 0 a1, 10, 50", want: ["A4=4", "a1=1"] },
  { name: "low priority is not reordered to fit", policy: [max, next], steps: "0 A3, 0 a4, 0 b1, 0 A2, 10, 10", want: ["A3+A2=5", "a4=4"] },
  { name: "isolation never mixes", policy: [isolation], steps: "0 A3, 0 a1, 10, 50", want: ["A3=3", "a1=1"] },
  { name: "merge: what is due by either takes both, high priority first", policy: [merge], steps: "0 a1, 0 A3, 10, 10", want: ["A3+a1=4", "empty"] },
  { name: "merge: low priority that is due takes high priority that is not along", policy: [merge], steps: "0 a1, 45 A3, 50, 50", want: ["A3+a1=4", "empty"] },
  { name: "merge: both fill a batch together", policy: [merge], steps: "0 A5, 0 a2, 0, 0 b1, 0, 0", want: ["wait", "A5+a2+b1=8", "empty"] },
];
for (const tc of rows) for (const policy of tc.policy) test(`lanes, ${policy}: ${tc.name}`, () => assert.deepEqual(play(policy, tc.steps), tc.want));

test("lanes: each priority has its own limit", () => {
  const lanes = newLanes<Named>({ high, low, policy: max, allowedSizes });
  for (let i = 0; i < 2; i++) lanes.low.push({ name: "a", rows: 4 }, 0);
  assert.throws(() => lanes.low.pieces(1), /currently 2 batches enqueued and max_enqueued_batches is 2/);
  assert.equal(lanes.high.pieces(8), undefined);
});
test("lanes: who leaves is out of both", () => {
  const lanes = newLanes<Named>({ high, low, policy: max, allowedSizes });
  lanes.low.push({ name: "a", rows: 1 }, 0);
  lanes.high.push({ name: "A", rows: 1 }, 0);
  assert.deepEqual(
    lanes.drop(() => true).map(({ name }) => name),
    ["A", "a"],
  );
  assert.ok(lanes.isEmpty);
});
test("lanes, priority_merge: low priority alone waits for its own batch to fill, even if that is larger", () => {
  const lanes = newLanes<Named>({ high, low: { ...high, maxBatchRows: 16, maxTaskRows: 16 }, policy: merge, allowedSizes });
  lanes.low.push({ name: "a", rows: 9 }, 0);
  assert.deepEqual([lanes.dueAt(), lanes.take(9)], [10, undefined]);
});

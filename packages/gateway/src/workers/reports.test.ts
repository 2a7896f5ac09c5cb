import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, newRegistry, printPrometheus } from "@tfs/std/metrics";
import { newReports } from "./reports.ts";
import { sumFamilies } from "./sum.ts";

/** counted is a registry that counted n calls of a model, each of which took as many milliseconds. */
function counted(model: string, n: number): readonly Family[] {
  const registry = newRegistry();
  registry
    .counter({ name: "calls", help: "h", labels: ["model"] })
    .with(model)
    .add(n);
  registry.gauge({ name: "open", help: "h" }).with().set(n);
  registry
    .histogram({ name: "ms", help: "h", labels: ["model"], bounds: [2] })
    .with(model)
    .observe(n);
  return registry.collect();
}

test("sum: what processes count is added up, cell by cell", () => {
  assert.equal(
    printPrometheus(sumFamilies([counted("a", 1), counted("b", 2), counted("a", 4)])),
    `# HELP calls h
# TYPE calls counter
calls{model="a"} 5
calls{model="b"} 2
# HELP ms h
# TYPE ms histogram
ms_bucket{model="a",le="2"} 1
ms_bucket{model="a",le="+Inf"} 2
ms_sum{model="a"} 5
ms_count{model="a"} 2
ms_bucket{model="b",le="2"} 1
ms_bucket{model="b",le="+Inf"} 1
ms_sum{model="b"} 2
ms_count{model="b"} 1
# HELP open h
# TYPE open gauge
open 7
`,
  );
});

test("sum: of one it is that one, of none nothing, and what went through JSON is the same", () => {
  assert.deepEqual(sumFamilies([counted("a", 1)]), counted("a", 1));
  assert.deepEqual(sumFamilies([]), []);
  assert.deepEqual(sumFamilies([JSON.parse(JSON.stringify(counted("a", 1))), counted("a", 1)]), sumFamilies([counted("a", 1), counted("a", 1)]));
});

test("sum: metrics that only have their name in common are a mistake", () => {
  const one = newRegistry();
  one.counter({ name: "open", help: "h" });
  assert.throws(() => sumFamilies([one.collect(), counted("a", 1)]), /there are two metrics open/);
  const other = newRegistry();
  other
    .histogram({ name: "ms", help: "h", labels: ["model"], bounds: [3] })
    .with("a")
    .observe(1);
  assert.throws(() => sumFamilies([other.collect(), counted("a", 1)]), /metric ms has buckets of two kinds/);
});

test("reports: what a worker has counted stays when it has ended, and what it had open does not; a worker counts as it last said", () => {
  const reports = newReports();
  const [a, b] = [{}, {}];
  const text = (): string[] =>
    printPrometheus(reports.sum().families)
      .split("\n")
      .filter((line) => /^(calls|open|ms_count)/.test(line));
  assert.deepEqual(reports.sum(), { ready: false, families: [] });
  reports.heard(a, { ready: true, families: counted("m", 1) });
  reports.heard(a, { ready: true, families: counted("m", 2) });
  reports.heard(b, { ready: false, families: counted("m", 3) });
  assert.deepEqual([reports.sum().ready, text()], [true, ['calls{model="m"} 5', 'ms_count{model="m"} 2', "open 5"]]);
  reports.ended(a);
  reports.ended({});
  assert.deepEqual([reports.sum().ready, text()], [false, ['calls{model="m"} 5', 'ms_count{model="m"} 2', "open 3"]]);
  reports.ended(b);
  assert.deepEqual(text(), ['calls{model="m"} 5', 'ms_count{model="m"} 2']);
});

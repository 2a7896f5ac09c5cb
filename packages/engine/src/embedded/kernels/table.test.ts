// Tables from op to op: what rows of single ops cannot show. The answers are TensorFlow 2.21's; models in testdata hold the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@tfs/std";
import { DType, fromStrings, newTensor, type Tensor } from "@tfs/tensor";
import { newAttrs } from "../attrs.ts";
import { type Table, tableOf, tensorOf, type Value } from "../value.ts";
import { kernels } from "./index.ts";
import { stateOf } from "../testing/state.ts";

const longs = (...values: number[]): Tensor => newTensor(DType.Int64, [values.length], BigInt64Array.from(values, BigInt));
const texts = (...values: string[]): Tensor => fromStrings(values, [values.length]);
const long = (value: number): Tensor => ({ ...longs(value), shape: [] });

/** newTable makes a table of that op from `keyType` to int64, and what runs ops on it. */
function newTable(op: string, keyType: DType, valueType: DType = DType.Int64): { readonly table: Table; run(op: string, ...inputs: Tensor[]): Value[] } {
  const tables = new Map<string, Table>();
  const state = stateOf({ table: (name, make) => tables.get(name) ?? tables.set(name, make()).get(name)! });
  const type = (value: DType) => ({ value: { case: "type" as const, value } });
  const attrs = newAttrs(op, { key_dtype: type(keyType), value_dtype: type(valueType) } as never);
  const run = (name: string, inputs: readonly Value[]): Value[] => {
    const kernel = kernels[name]!({ name: "t", op: name, attrs, inputCount: inputs.length, body: () => assert.fail("no bodies here") });
    const out = kernel(inputs, state);
    return Array.isArray(out) ? (out as Value[]) : [out as Value];
  };
  const table = tableOf(run(op, [])[0]);
  return { table, run: (name, ...inputs) => run(name, [table, ...inputs]) };
}

const refusals: readonly { readonly name: string; readonly op: string; readonly inputs: readonly Tensor[]; readonly code: Code }[] = [
  { name: "what is inserted", op: "LookupTableInsertV2", inputs: [texts("a"), longs(1)], code: Code.Unimplemented },
  { name: "what is removed", op: "LookupTableRemoveV2", inputs: [texts("a")], code: Code.Unimplemented },
  { name: "an export before it is filled", op: "LookupTableExportV2", inputs: [], code: Code.Aborted },
  { name: "a look-up before it is filled", op: "LookupTableFindV2", inputs: [texts("a"), long(0)], code: Code.FailedPrecondition },
  { name: "two values for a key", op: "InitializeTableV2", inputs: [texts("a", "b", "a"), longs(1, 2, 3)], code: Code.FailedPrecondition },
  { name: "keys of another type", op: "LookupTableFindV2", inputs: [longs(1), long(0)], code: Code.InvalidArgument },
  { name: "a default of another type", op: "LookupTableFindV2", inputs: [texts("a"), texts("b")], code: Code.InvalidArgument },
];
for (const { name, op, inputs, code } of refusals)
  test(`table: one that does not change refuses ${name}`, () => assert.throws(() => newTable("HashTableV2", DType.String).run(op, ...inputs), { code }));

test("table: one that does not change takes the same entry twice, strings too, and the first of many defaults", () => {
  const numbers = newTable("HashTableV2", DType.String);
  numbers.run("InitializeTableV2", texts("a", "b", "a"), longs(1, 2, 1));
  const found = tensorOf(numbers.run("LookupTableFindV2", texts("y", "a", "z"), longs(7, 8, 9))[0]);
  assert.deepEqual([...(found.data as BigInt64Array)], [7n, 1n, 7n]);
  const names = newTable("HashTableV2", DType.String, DType.String);
  names.run("InitializeTableV2", texts("a", "a"), texts("one", "one"));
  assert.equal(names.table.entries.size, 1);
});

test("table: what is imported into one that changes takes the place of all, the last of a key's values counts", () => {
  const { run } = newTable("MutableHashTableV2", DType.Int64);
  run("LookupTableInsertV2", longs(1, 2), longs(10, 20));
  run("LookupTableImportV2", longs(3, 4, 3), longs(30, 40, 50));
  assert.deepEqual(
    run("LookupTableExportV2").map((t) => [...(tensorOf(t).data as BigInt64Array)]),
    [
      [3n, 4n],
      [50n, 40n],
    ],
  );
});

test("table: entries come and go, and the places of those that went are used again", () => {
  const { table, run } = newTable("MutableHashTableV2", DType.Int64);
  const want = new Map<bigint, bigint>();
  for (let turn = 0; turn < 400; turn++) {
    const keys = Array.from({ length: 5 }, (_, i) => (turn * 7 + i * 13) % 60);
    if (turn % 3 === 2) {
      run("LookupTableRemoveV2", longs(...keys));
      for (const key of keys) want.delete(BigInt(key));
    } else {
      run("LookupTableInsertV2", longs(...keys), longs(...keys.map((key) => key + 1000 * turn)));
      for (const key of keys) want.set(BigInt(key), BigInt(key + 1000 * turn));
    }
    const [all, values] = run("LookupTableExportV2").map((t) => [...(tensorOf(t).data as BigInt64Array)]) as [bigint[], bigint[]];
    assert.deepEqual(new Map(all.map((key, i) => [key, values[i]!])), want);
    const found = tensorOf(run("LookupTableFindV2", longs(...keys), long(-1))[0]);
    assert.deepEqual(
      [...(found.data as BigInt64Array)],
      keys.map((key) => want.get(BigInt(key)) ?? -1n),
    );
  }
  assert.ok(table.values!.data.length <= 2 * 60, `${table.values!.data.length} places for 60 keys`);
});

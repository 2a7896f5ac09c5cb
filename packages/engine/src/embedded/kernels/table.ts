import { readFileSync, statSync } from "node:fs";
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, newTensor, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node, State } from "../kernel.ts";
import { make } from "../shape.ts";
import { type Table, tableOf, tensorOf, type Value } from "../value.ts";
import { integers } from "./array.ts";

/** A vocabulary file past this is not read into memory. */
const maxFileBytes = 2 ** 30;

function handle(node: Node): (inputs: readonly Value[], state: State) => Table {
  const name = node.attrs.string("shared_name", "") || node.name;
  const [keyType, valueType] = [node.attrs.dtype("key_dtype"), node.attrs.dtype("value_dtype")];
  return (_, state) => state.table(name, () => ({ kind: "table", name, keyType, valueType, entries: new Map(), values: undefined }));
}

/** keyText makes a key of a map: bytes as chars, numbers as digits. */
function keyText(data: Tensor["data"], i: number): string {
  const v = data[i]!;
  return typeof v === "object" ? Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString("latin1") : String(v);
}

function fillTable(table: Table, keys: Tensor, values: Tensor): void {
  if (keys.dtype !== table.keyType || values.dtype !== table.valueType)
    throw newError(
      Code.InvalidArgument,
      `table ${table.name} maps ${dtypeName(table.keyType)} to ${dtypeName(table.valueType)}, not ${dtypeName(keys.dtype)} to ${dtypeName(values.dtype)}`,
    );
  const n = elementCount(keys.shape);
  if (elementCount(values.shape) !== n) throw newError(Code.InvalidArgument, `${n} keys for ${elementCount(values.shape)} values`);
  table.entries.clear();
  for (let i = 0; i < n; i++) {
    const key = keyText(keys.data, i);
    if (table.entries.has(key) && values.data[table.entries.get(key)!] !== values.data[i])
      throw newError(Code.InvalidArgument, `HashTable has different value for same key. Key ${key}`);
    table.entries.set(key, i);
  }
  table.values = values;
}

const importAll: KernelFactory =
  () =>
  (inputs, { arena }) => {
    fillTable(tableOf(inputs[0]), tensorOf(inputs[1]), arena.kept(tensorOf(inputs[2])));
    return [];
  };

/** Columns of a vocabulary file: -1 is the line number, -2 the whole line (lookup_util.h). */
const lineNumber = -1;
const wholeLine = -2;

function fromFile(table: Table, path: string, keyColumn: number, valueColumn: number, delimiter: string, limit: number): void {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > maxFileBytes) throw newError(Code.ResourceExhausted, `the vocabulary has ${size} bytes, more than ${maxFileBytes}`);
    text = readFileSync(path, "latin1");
  } catch (err) {
    if ((err as { code?: unknown }).code === Code.ResourceExhausted) throw err;
    throw newError(Code.NotFound, "a vocabulary file of the model cannot be read", err);
  }
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (limit >= 0 && lines.length < limit)
    throw newError(Code.InvalidArgument, `Invalid vocab_size: the file has ${lines.length} lines, ${limit} were declared`);
  const used = limit >= 0 ? lines.slice(0, limit) : lines;
  const column = (dtype: DType, index: number): Tensor => {
    const cells = used.map((line, i) =>
      index === lineNumber ? String(i) : index === wholeLine ? line.replace(/\r$/, "") : (line.split(delimiter)[index] ?? missing(index, line)),
    );
    if (dtype === DType.String)
      return newTensor(
        dtype,
        [cells.length],
        cells.map((c) => new Uint8Array(Buffer.from(c, "latin1"))),
      );
    if (dtype === DType.Float) return newTensor(dtype, [cells.length], Float32Array.from(cells, Number));
    if (dtype === DType.Int64 || dtype === DType.Int32) return integers(dtype, [cells.length], cells.map(Number));
    throw newError(Code.Unimplemented, `a vocabulary column of ${dtypeName(dtype)} is not supported`);
  };
  fillTable(table, column(table.keyType, keyColumn), column(table.valueType, valueColumn));
}

function missing(index: number, line: string): never {
  throw newError(Code.InvalidArgument, `Invalid number of columns: column ${index} of the line ${JSON.stringify(line.slice(0, 80))}`);
}

const find: KernelFactory = () => (inputs) => {
  const [table, keys, fallback] = [tableOf(inputs[0]), tensorOf(inputs[1]), tensorOf(inputs[2])];
  if (keys.dtype !== table.keyType) throw newError(Code.InvalidArgument, `Expected key type ${dtypeName(table.keyType)} but got ${dtypeName(keys.dtype)}`);
  if (table.values === undefined) throw newError(Code.FailedPrecondition, "Table not initialized.");
  const n = elementCount(keys.shape);
  const out = make(table.valueType, keys.shape);
  const write = out.data as unknown as { [i: number]: unknown };
  for (let i = 0; i < n; i++) {
    const at = table.entries.get(keyText(keys.data, i));
    write[i] = at === undefined ? fallback.data[0] : table.values.data[at];
  }
  return out;
};

/** exported gives all keys and values, in the order that they came. */
const exported: KernelFactory = (node) => (inputs) => {
  const table = tableOf(inputs[0]);
  const at = [...table.entries.values()];
  const keys = [...table.entries.keys()];
  const out = make(table.valueType, [at.length]);
  const write = out.data as unknown as { [i: number]: unknown };
  at.forEach((from, i) => {
    write[i] = table.values!.data[from];
  });
  if (table.keyType === DType.String)
    return [
      newTensor(
        DType.String,
        [keys.length],
        keys.map((k) => new Uint8Array(Buffer.from(k, "latin1"))),
      ),
      out,
    ];
  if (table.keyType === DType.Int64) return [newTensor(DType.Int64, [keys.length], BigInt64Array.from(keys, BigInt)), out];
  if (table.keyType === DType.Int32) return [newTensor(DType.Int32, [keys.length], Int32Array.from(keys, Number)), out];
  throw newError(Code.Unimplemented, `${node.op}: keys of ${dtypeName(table.keyType)} are not supported`);
};

/** A table that changes has no more entries than this. */
const maxEntries = 1 << 24;

/** inserted adds entries, or changes those that are there. */
const inserted: KernelFactory = () => (inputs) => {
  const [table, keys, values] = [tableOf(inputs[0]), tensorOf(inputs[1]), tensorOf(inputs[2])];
  const n = elementCount(keys.shape);
  if (keys.dtype !== table.keyType || values.dtype !== table.valueType || elementCount(values.shape) !== n)
    throw newError(Code.InvalidArgument, `table ${table.name}: ${n} keys of ${dtypeName(keys.dtype)} do not go with the values`);
  const all = Array.from(table.entries, ([key, at]) => [key, table.values!.data[at]] as const);
  const joined = new Map<string, unknown>(all);
  for (let i = 0; i < n; i++) joined.set(keyText(keys.data, i), values.data[i]);
  refill(table, joined);
  return [];
};

const removed: KernelFactory = () => (inputs) => {
  const [table, keys] = [tableOf(inputs[0]), tensorOf(inputs[1])];
  const left = new Map<string, unknown>(Array.from(table.entries, ([key, at]) => [key, table.values!.data[at]] as const));
  for (let i = 0; i < elementCount(keys.shape); i++) left.delete(keyText(keys.data, i));
  refill(table, left);
  return [];
};

function refill(table: Table, entries: ReadonlyMap<string, unknown>): void {
  if (entries.size > maxEntries) throw newError(Code.ResourceExhausted, `table ${table.name} would have more than ${maxEntries} entries`);
  const values = make(table.valueType, [entries.size]);
  const write = values.data as unknown as { [i: number]: unknown };
  table.entries.clear();
  let at = 0;
  for (const [key, value] of entries) {
    write[at] = value;
    table.entries.set(key, at++);
  }
  table.values = values;
}

/** changing makes a table that may be asked before it is filled. */
const changing: KernelFactory = (node) => {
  const cell = handle(node);
  return (inputs, state) => {
    const table = cell(inputs, state);
    table.values ??= make(table.valueType, [0]);
    return table;
  };
};

export const tables: Kernels = {
  LookupTableExportV2: exported,
  LookupTableInsertV2: inserted,
  LookupTableRemoveV2: removed,
  HashTable: handle,
  HashTableV2: handle,
  MutableHashTable: changing,
  MutableHashTableV2: changing,
  LookupTableImport: importAll,
  LookupTableImportV2: importAll,
  InitializeTable: importAll,
  InitializeTableV2: importAll,
  InitializeTableFromTextFile: textFile,
  InitializeTableFromTextFileV2: textFile,
  LookupTableFind: find,
  LookupTableFindV2: find,
  LookupTableSize: size,
  LookupTableSizeV2: size,
};

function textFile(node: Node): ReturnType<KernelFactory> {
  const [key, value, limit] = [node.attrs.int("key_index"), node.attrs.int("value_index"), node.attrs.int("vocab_size", -1)];
  const delimiter = node.attrs.string("delimiter", "\t");
  return (inputs) => {
    const path = new TextDecoder().decode((tensorOf(inputs[1]).data as readonly Uint8Array[])[0]);
    fromFile(tableOf(inputs[0]), path, key, value, delimiter, limit);
    return [];
  };
}

function size(): ReturnType<KernelFactory> {
  return (inputs) => integers(DType.Int64, [], [tableOf(inputs[0]).entries.size]);
}

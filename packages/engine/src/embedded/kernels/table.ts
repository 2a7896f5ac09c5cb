import { readFileSync, statSync } from "node:fs";
import { Code, newError } from "@tfs/std";
import { DType, dtypeName, elementCount, newTensor, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { copyRun, make } from "../shape.ts";
import { type Table, tableOf, tensorOf, type Value } from "../value.ts";
import { integers } from "./array.ts";

/** A vocabulary file past this is not read into memory. */
const maxFileBytes = 2 ** 30;

/** handle makes the kernel that gives a table, which is made when it is first asked for; one that changes may be asked before it is filled. */
function handle(changes: boolean): KernelFactory {
  return (node) => {
    const name = node.attrs.string("shared_name", "") || node.name;
    const [keyType, valueType] = [node.attrs.dtype("key_dtype"), node.attrs.dtype("value_dtype")];
    const made = (): Table => {
      const values = changes ? make(valueType, [0]) : undefined;
      return { kind: "table", name, keyType, valueType, entries: new Map(), values, free: changes ? [] : undefined };
    };
    return (_, state) => state.table(name, made);
  };
}

/** keyText makes a key of a map: bytes as chars, numbers as digits. */
function keyText(data: Tensor["data"], i: number): string {
  const v = data[i]!;
  return typeof v === "object" ? Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString("latin1") : String(v);
}

/** checkTypes throws InvalidArgument for keys, or values, that are not a table's. */
function checkTypes(table: Table, keys: Tensor, values?: Tensor): void {
  if (keys.dtype !== table.keyType || (values !== undefined && values.dtype !== table.valueType))
    throw newError(
      Code.InvalidArgument,
      `table ${table.name} maps ${dtypeName(table.keyType)} to ${dtypeName(table.valueType)}, not ${dtypeName(keys.dtype)}${values === undefined ? "" : ` to ${dtypeName(values.dtype)}`}`,
    );
}

/** fillTable fills a table that does not change. */
function fillTable(table: Table, keys: Tensor, values: Tensor): void {
  checkTypes(table, keys, values);
  const n = elementCount(keys.shape);
  if (elementCount(values.shape) !== n) throw newError(Code.InvalidArgument, `${n} keys for ${elementCount(values.shape)} values`);
  table.entries.clear();
  for (let i = 0; i < n; i++) {
    const key = keyText(keys.data, i);
    if (table.entries.has(key) && !same(values.data, table.entries.get(key)!, i))
      throw newError(Code.FailedPrecondition, `HashTable has different value for same key. Key ${key}`);
    table.entries.set(key, i);
  }
  table.values = values;
}

/** same tells whether two values are: strings are compared by their bytes. */
function same(data: Tensor["data"], i: number, j: number): boolean {
  const [a, b] = [data[i]!, data[j]!];
  return typeof a === "object" ? Buffer.compare(a, b as Uint8Array) === 0 : a === b;
}

const importAll: KernelFactory =
  () =>
  (inputs, { arena }) => {
    const [table, keys, values] = [tableOf(inputs[0]), tensorOf(inputs[1]), tensorOf(inputs[2])];
    if (table.free === undefined) fillTable(table, keys, arena.kept(values));
    else {
      checkEntries(table, keys, values);
      empty(table);
      put(table, keys, values);
    }
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
  checkTypes(table, keys, fallback);
  if (table.values === undefined) throw newError(Code.FailedPrecondition, "Table not initialized.");
  const whole = shapeText(fallback.shape) === shapeText(keys.shape);
  if (fallback.shape.length > 0 && !whole)
    throw newError(Code.InvalidArgument, `Expected shape [] or ${shapeText(keys.shape)} for default value, got ${shapeText(fallback.shape)}`);
  // A default for each key: only tables that change look at more than the first.
  const step = whole && table.free !== undefined ? 1 : 0;
  const n = elementCount(keys.shape);
  const out = make(table.valueType, keys.shape);
  const write = out.data as unknown as { [i: number]: unknown };
  for (let i = 0; i < n; i++) {
    const at = table.entries.get(keyText(keys.data, i));
    write[i] = at === undefined ? fallback.data[i * step] : table.values.data[at];
  }
  return out;
};

/** exported gives all keys and values, in the order that they came. */
const exported: KernelFactory = (node) => (inputs) => {
  const table = tableOf(inputs[0]);
  if (table.values === undefined) throw newError(Code.Aborted, "HashTable is not initialized.");
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

/** checkEntries throws InvalidArgument for keys and values that a changing table does not take. */
function checkEntries(table: Table, keys: Tensor, values: Tensor): void {
  checkTypes(table, keys, values);
  if (shapeText(keys.shape) !== shapeText(values.shape))
    throw newError(Code.InvalidArgument, `Expected shape ${shapeText(keys.shape)} for value, got ${shapeText(values.shape)}`);
}

/** changing gives the table of an input that changes. Throws Unimplemented for one that does not. */
function changing(value: Value | undefined, what: string): Table & { readonly free: number[] } {
  const table = tableOf(value);
  if (table.free === undefined) throw newError(Code.Unimplemented, `${what} not supported by InitializableLookupTable implementations`);
  return table as Table & { readonly free: number[] };
}

/** inserted adds entries, or changes those that are there. */
const inserted: KernelFactory = () => (inputs) => {
  const [table, keys, values] = [changing(inputs[0], "Insert"), tensorOf(inputs[1]), tensorOf(inputs[2])];
  checkEntries(table, keys, values);
  put(table, keys, values);
  return [];
};

const removed: KernelFactory = () => (inputs) => {
  const [table, keys] = [changing(inputs[0], "Remove"), tensorOf(inputs[1])];
  checkTypes(table, keys);
  for (let i = 0; i < elementCount(keys.shape); i++) {
    const key = keyText(keys.data, i);
    const at = table.entries.get(key);
    if (at === undefined) continue;
    table.entries.delete(key);
    table.free.push(at);
  }
  if (table.entries.size === 0) empty(table);
  return [];
};

function empty(table: Table): void {
  table.entries.clear();
  table.free!.length = 0;
  table.values = make(table.valueType, [0]);
}

/** put writes entries into places that are free, or behind all others: places are those of the entries and the free ones. */
function put(table: Table, keys: Tensor, values: Tensor): void {
  const free = table.free!;
  for (let i = 0; i < elementCount(keys.shape); i++) {
    const key = keyText(keys.data, i);
    const known = table.entries.get(key);
    if (known === undefined && table.entries.size >= maxEntries)
      throw newError(Code.ResourceExhausted, `table ${table.name} would have more than ${maxEntries} entries`);
    const at = known ?? free.pop() ?? table.entries.size;
    if (at >= table.values!.data.length) grow(table, at + 1);
    if (known === undefined) table.entries.set(key, at);
    (table.values!.data as unknown as { [i: number]: unknown })[at] = values.data[i];
  }
}

/** grow makes room for `count` values, and for as many again. */
function grow(table: Table, count: number): void {
  const from = table.values!.data;
  const values = make(table.valueType, [Math.max(16, 2 * count)]);
  copyRun(from, 0, from.length, values.data, 0);
  table.values = values;
}

export const tables: Kernels = {
  LookupTableExportV2: exported,
  LookupTableInsertV2: inserted,
  LookupTableRemoveV2: removed,
  HashTable: handle(false),
  HashTableV2: handle(false),
  MutableHashTable: handle(true),
  MutableHashTableV2: handle(true),
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

// What goes wrong with requests and with models, made on purpose.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type AttrValue, type DataType, type GraphDef, type MetaGraphDef, type NodeDef, NodeDefSchema, type SavedModel, SavedModelSchema } from "@tfs/proto";
import { DType, elementSize, layoutOf, newTensor, type Tensor, toMessage } from "@tfs/tensor";
import { moreOps } from "./more_ops.ts";
import type { Random } from "./random.ts";

const dtypes = Object.values(DType);
const dims = [0, 1, 2, 3, 7, 64, 1000, -1, 1.5, 2 ** 31, 2 ** 40, 2 ** 52, Number.NaN];

/** tensor gives a tensor that may be none: its dtype, shape and data need not agree. */
function tensor(r: Random, like: Tensor): Tensor {
  const shape = r.chance(3)
    ? Array.from({ length: r.below(6) }, () => r.pick(dims))
    : r.chance(40)
      ? new Array<number>(r.pick([8, 9, 254, 255, 300])).fill(1)
      : like.shape;
  const dtype = r.chance(3) ? r.pick(dtypes) : like.dtype;
  if (dtype === like.dtype && shape === like.shape && r.chance(2)) return { dtype, shape, data: values(r, like) };
  const n = shape.reduce((a, b) => a * b, 1);
  const fits = Number.isInteger(n) && n >= 0 && n <= 100_000 && !r.chance(8) ? n : r.below(20);
  if (dtype === DType.String) return { dtype, shape, data: Array.from({ length: fits }, () => r.bytes(r.pick([0, 1, 22, 23, 200]))) };
  const { array, width } = layoutOf(dtype);
  if (array === undefined) return { dtype, shape, data: like.data };
  return { dtype, shape, data: new array(r.bytes(fits * elementSize(dtype)).buffer, 0, fits * width) };
}

/** values gives other values of the same dtype and number. */
function values(r: Random, like: Tensor): Tensor["data"] {
  if (like.dtype === DType.String) {
    return (like.data as readonly Uint8Array[]).map((s) => {
      const cut = r.chance(2) ? s.slice(0, r.below(s.length + 1)) : Uint8Array.from(s);
      for (let k = r.below(4); k > 0 && cut.length > 0; k--) cut[r.below(cut.length)] = r.below(256);
      return r.chance(10) ? r.bytes(r.pick([0, 22, 23, 5000])) : cut;
    });
  }
  const data = like.data as Exclude<Tensor["data"], readonly Uint8Array[]>;
  const bytes = new Uint8Array(data.byteLength);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  for (let k = 1 + r.below(8); k > 0 && bytes.length > 0; k--) bytes[r.below(bytes.length)] = r.pick([0, 1, 0x7f, 0x80, 0xff, r.below(256)]);
  const { array } = layoutOf(like.dtype);
  return new array!(bytes.buffer, 0, data.length);
}

const odd = ["", ":", ":0", "^", "^x", "x:", "x:-1", "x:99999999999", "x:0:0", "nope", "\0", "é:0", "x y:0", "x".repeat(5000)];

/** mutateRequest gives feeds and fetches that a client might send by mistake or to harm. */
export function mutateRequest(
  r: Random,
  feeds: ReadonlyMap<string, Tensor>,
  fetches: readonly string[],
  nodes: readonly string[],
): { readonly feeds: Map<string, Tensor>; readonly fetches: string[] } {
  const name = (): string => (r.chance(4) ? r.pick(odd) : r.pick(nodes) + r.pick(["", ":0", ":1", ":7"]));
  const some = [...feeds.values()];
  const out = new Map<string, Tensor>();
  for (const [key, t] of feeds) if (!r.chance(12)) out.set(r.chance(12) ? name() : key, r.chance(2) ? tensor(r, t) : t);
  if (r.chance(6) && some.length > 0) out.set(name(), tensor(r, r.pick(some)));
  const asked = fetches.filter(() => !r.chance(10));
  while (r.chance(3)) asked.push(r.chance(2) ? name() : r.pick(fetches));
  return { feeds: out, fetches: asked };
}

/** mutateModel changes a copy of a SavedModel at `dir`, in its files' bytes or in what they say. */
export function mutateModel(r: Random, from: string, dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  cpSync(from, dir, { recursive: true });
  const graph = join(dir, "saved_model.pb");
  const [variables, assets] = [join(dir, "variables"), join(dir, "assets")];
  const files = [
    graph,
    ...[variables, assets].filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder).map((file) => join(folder, file))),
  ];
  if (r.chance(4)) {
    mutateFile(r, r.pick(files));
    return;
  }
  const saved = fromBinary(SavedModelSchema, readFileSync(graph));
  for (let k = 1 + r.below(4); k > 0; k--) mutateGraph(r, saved);
  writeFileSync(graph, toBinary(SavedModelSchema, saved));
}

function mutateFile(r: Random, path: string): void {
  if (!statSync(path).isFile()) return;
  const bytes = readFileSync(path);
  const end = r.chance(4) ? r.below(bytes.length + 1) : bytes.length;
  if (end === bytes.length) for (let k = 1 + r.below(6); k > 0 && end > 0; k--) bytes[r.below(end)] = r.pick([0, 1, 0x7f, 0x80, 0xff, r.below(256)]);
  if (r.chance(20)) rmSync(path);
  else writeFileSync(path, bytes.subarray(0, end));
}

function mutateGraph(r: Random, saved: SavedModel): void {
  const metaGraph = r.pick(saved.metaGraphs);
  const graph = metaGraph.graphDef as GraphDef;
  const functions = graph.library?.function ?? [];
  const lists = [graph.node, ...functions.map((f) => f.nodeDef)].filter((list) => list.length > 0);
  const nodes = r.chance(2) ? r.pick(lists) : graph.node;
  if (nodes.length === 0) return;
  const every = lists.flat();
  const node = r.pick(nodes);
  const kinds: readonly (() => void)[] = [
    () => void nodes.splice(r.below(nodes.length), 1),
    () => void nodes.push(node),
    () => void (node.op = r.pick([r.pick(every).op, "NoOp", "", "Nope", r.pick(dangerous)])),
    () => void (node.name = r.pick([r.pick(every).name, "", "a/../b", "^x", "x:0"])),
    () => void (node.device = r.pick(["/device:GPU:0", "/job:nowhere/task:9", "garbage", "/device:CPU:99"])),
    () => rewire(r, node, every),
    () => rewire(r, node, every),
    () =>
      attributes(
        r,
        node,
        every,
        functions.map((f) => f.signature?.name ?? ""),
      ),
    () =>
      attributes(
        r,
        node,
        every,
        functions.map((f) => f.signature?.name ?? ""),
      ),
    () =>
      attributes(
        r,
        node,
        every,
        functions.map((f) => f.signature?.name ?? ""),
      ),
    () => {
      const f = functions.length > 0 ? r.pick(functions) : undefined;
      if (f === undefined) return;
      const key = r.pick(Object.keys(f.ret).concat("x"));
      r.pick([
        () => void (f.ret[key] = r.pick(["", "nope:out:0", ...Object.values(f.ret)])),
        () => void f.signature?.inputArg.pop(),
        () => void f.signature?.outputArg.pop(),
        () => void functions.splice(functions.indexOf(f), 1),
      ])();
    },
    () => {
      const signature = r.pick(Object.values(metaGraph.signatureDef));
      const info = r.pick([...Object.values(signature?.inputs ?? {}), ...Object.values(signature?.outputs ?? {})]);
      if (info?.encoding.case === "name") info.encoding.value = r.pick([r.pick(every).name, "", "x:9", "^x"]);
    },
    () => {
      const saver = metaGraph.saverDef;
      if (saver !== undefined) saver.restoreOpName = r.pick(["", "nope", r.pick(every).name]);
    },
    () => {
      const saver = metaGraph.saverDef;
      if (saver !== undefined) saver.filenameTensorName = r.pick(["", "nope:0", `${r.pick(every).name}:0`]);
    },
    () => constant(r, every),
    () => constant(r, every),
    () => exchange(r, every),
    () => extend(r, metaGraph, graph),
    () => extend(r, metaGraph, graph),
    () => {
      if (graph.versions !== undefined) graph.versions.producer = r.pick([0, -1, 1, 2 ** 31 - 1]);
    },
  ];
  r.pick(kinds)();
}

/** Ops whose kernels have been known to trust their attributes and their inputs. */
const dangerous = [
  "Const",
  "Reshape",
  "StridedSlice",
  "Gather",
  "GatherV2",
  "TensorListReserve",
  "While",
  "If",
  "PartitionedCall",
  "ParseExampleV2",
  "Conv2D",
  "Switch",
  "Merge",
];

/** constant changes values of a constant: axes, sizes, indices and permutations are such. */
function constant(r: Random, every: readonly NodeDef[]): void {
  const all = every.filter(({ op }) => op === "Const");
  const value = all.length === 0 ? undefined : r.pick(all).attr["value"]?.value;
  if (value?.case !== "tensor") return;
  const t = value.value;
  for (const list of [t.intVal, t.halfVal]) for (let i = 0; i < list.length; i++) if (r.chance(2)) list[i] = r.pick(ints);
  for (const list of [t.floatVal, t.doubleVal]) for (let i = 0; i < list.length; i++) if (r.chance(2)) list[i] = r.pick([...ints, Number.NaN]);
  for (let i = 0; i < t.int64Val.length; i++) if (r.chance(2)) t.int64Val[i] = r.pick(bigints);
  for (let i = 0; i < t.stringVal.length; i++) if (r.chance(2)) t.stringVal[i] = r.bytes(r.below(30));
  const wide = Number(t.dtype) === DType.Int64 ? 8 : 4;
  const content = Uint8Array.from(t.tensorContent);
  const view = new DataView(content.buffer);
  const n = Math.floor(content.length / wide);
  for (let k = Math.min(n, 1 + r.below(3)); k > 0; k--) {
    const at = r.below(n) * wide;
    if (wide === 8) view.setBigInt64(at, r.pick(bigints), true);
    else if (Number(t.dtype) === DType.Float) view.setFloat32(at, r.pick([...ints, Number.NaN]), true);
    else view.setInt32(at, r.pick(ints), true);
  }
  t.tensorContent = content;
}

/** exchange lets two nodes of as many inputs do each other's work. */
function exchange(r: Random, every: readonly NodeDef[]): void {
  const a = r.pick(every);
  const like = every.filter((b) => b !== a && b.input.length === a.input.length && b.op !== a.op);
  if (like.length === 0) return;
  const b = r.pick(like);
  [a.op, b.op, a.attr, b.attr] = [b.op, a.op, b.attr, a.attr];
}

/** extend puts one or two more ops behind an output, with constants that fit by their dtypes. */
function extend(r: Random, { signatureDef }: MetaGraphDef, { node: nodes }: GraphDef): void {
  const outputs = Object.values(signatureDef).flatMap((signature) => Object.values(signature.outputs));
  const floats = outputs.filter(({ dtype, encoding }) => Number(dtype) === DType.Float && encoding.case === "name");
  if (floats.length === 0) return;
  const info = r.pick(floats);
  let input = String(info.encoding.value);
  for (let k = 1 + r.below(2); k > 0; k--) {
    const { op, args, attr, gives = DType.Float } = r.pick(moreOps);
    const refs = [...args].map((arg, i) => (i === 0 ? input : odds(r, nodes, arg)));
    const name = `odd${nodes.length}`;
    nodes.push(create(NodeDefSchema, { name, op, input: refs, attr: Object.fromEntries(Object.entries(attr).map(([key, value]) => [key, { value }])) }));
    info.encoding = { case: "name", value: `${name}:0` };
    info.dtype = gives as number as DataType;
    if (gives !== DType.Float) break;
    input = `${name}:0`;
  }
  if (r.chance(3)) attributes(r, nodes.at(-1)!, nodes, []);
}

/** odds makes a constant of numbers that may be too great or too small: i is for int32, l for int64, f for float, b for bool. */
function odds(r: Random, nodes: NodeDef[], arg: string): string {
  const name = `odd${nodes.length}`;
  const dtype = arg === "i" ? DType.Int32 : arg === "l" ? DType.Int64 : arg === "b" ? DType.Bool : DType.Float;
  const shape = r.pick([[], [], [1], [1], [2], [2], [3], [4], [2, 2], [4, 2], [0], [0, 2], [1, 1]]);
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => r.pick(r.chance(4) ? ints : small));
  const data = {
    [DType.Int32]: () => Int32Array.from(values),
    [DType.Int64]: () => BigInt64Array.from(values, BigInt),
    [DType.Bool]: () => Uint8Array.from(values, (v) => v & 1),
    [DType.Float]: () => Float32Array.from(values),
  }[dtype]();
  const value = toMessage(newTensor(dtype, shape, data));
  const type = { case: "type", value: dtype as number as DataType } as const;
  nodes.push(create(NodeDefSchema, { name, op: "Const", attr: { dtype: { value: type }, value: { value: { case: "tensor", value } } } }));
  return `${name}:0`;
}

/** Numbers that are somebody's limit. Sizes made of them stay below what would fill the machine's memory. */
const small = [0, 1, 1, 2, 2, 3, 4, -1];
const ints = [0, 1, -1, 2, 3, 4, 5, 7, 16, 100, -100, 255, 65_536, -(2 ** 31), 2 ** 31 - 1];

function rewire(r: Random, node: NodeDef, every: readonly NodeDef[]): void {
  const other = r.pick(every).name;
  const ref = r.pick([other, `${other}:1`, `^${other}`, `${other}:-1`, `${other}:99999`, node.name, "", `${other}:output:0`]);
  const how = node.input.length === 0 ? 0 : r.below(6);
  if (how === 0) node.input.push(ref);
  else if (how === 1) node.input.splice(r.below(node.input.length), 1);
  else node.input[r.below(node.input.length)] = ref;
}

function attributes(r: Random, node: NodeDef, every: readonly NodeDef[], functions: readonly string[]): void {
  const names = Object.keys(node.attr);
  if (names.length === 0 || r.chance(8)) {
    Object.assign(node.attr, r.pick(every).attr);
    return;
  }
  const name = r.pick(names);
  if (r.chance(8)) {
    delete node.attr[name];
    return;
  }
  change(r, node.attr[name]!, functions);
}

/** Numbers of dtypes that there are, and that there are not. */
const types = [0, 1, 3, 7, 9, 20, 21, 101, 99, -1] as DataType[];
const bigints = [0n, 1n, -1n, 2n ** 31n, 2n ** 40n, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n];

function change(r: Random, { value }: AttrValue, functions: readonly string[]): void {
  switch (value.case) {
    case "i":
      value.value = r.pick(bigints);
      break;
    case "f":
      value.value = r.pick([0, -1, Number.NaN, Number.POSITIVE_INFINITY]);
      break;
    case "type":
      value.value = r.pick(types);
      break;
    case "s":
      value.value = r.bytes(r.below(10));
      break;
    case "b":
      value.value = !value.value;
      break;
    case "func":
      value.value.name = r.pick([...functions, "nope", ""]);
      break;
    case "shape":
      for (const dim of value.value.dim) if (r.chance(2)) dim.size = r.pick(bigints);
      if (r.chance(4)) value.value.dim.push(...value.value.dim);
      break;
    case "list":
      value.value.i = value.value.i.map((i) => (r.chance(2) ? r.pick(bigints) : i));
      if (r.chance(2)) value.value.type.pop();
      if (r.chance(3)) value.value.type.push(r.pick(types));
      break;
    case "tensor":
      if (r.chance(3)) value.value.dtype = r.pick(types);
      if (r.chance(2)) value.value.tensorContent = value.value.tensorContent.slice(0, r.below(value.value.tensorContent.length + 1));
      else if (value.value.tensorShape !== undefined) {
        if (value.value.tensorShape.dim.length === 0 || r.chance(3))
          value.value.tensorShape.dim.push({
            ...value.value.tensorShape.dim[0]!,
            $typeName: "tensorflow.TensorShapeProto.Dim",
            size: r.pick(bigints),
            name: "",
          });
        else r.pick(value.value.tensorShape.dim).size = r.pick(bigints);
      }
      break;
    default:
      break;
  }
}

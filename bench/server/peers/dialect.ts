// The two ways in which servers are asked: TensorFlow Serving's API, and the Open Inference Protocol ("V2") of Triton, MLServer and KServe.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { PredictRequestSchema, PredictResponseSchema } from "@tfs/proto";
import { fromMessage, type Tensor, toBytes, toMessage } from "@tfs/tensor";
import { shortest } from "../../gateway/payload.ts";

/** Dialect asks a model for one row, and reads the numbers of each output. Floats go in, floats and int64 come out. */
export interface Dialect {
  readonly grpcPath: string;
  grpcRequest(model: string, alias: string, x: Tensor): Uint8Array;
  grpcNumbers(message: Uint8Array): Numbers;
  restPath(model: string): string;
  restRequest(alias: string, x: Tensor): string;
  restNumbers(text: string): Numbers;
}

/** Numbers are all elements of each output; an answer with one output may leave out its name. */
export type Numbers = ReadonlyMap<string | undefined, readonly number[]>;

/** Up to here clients send values field by field, as Python's `make_tensor_proto` does with lists; above, bytes. */
const valuesMax = 1000;

export const tfServing: Dialect = {
  grpcPath: "/tensorflow.serving.PredictionService/Predict",
  grpcRequest(model, alias, x) {
    const inputs = { [alias]: toMessage(x, x.data.length > valuesMax ? "content" : "values") };
    return toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec: { name: model }, inputs }));
  },
  grpcNumbers(message) {
    const { outputs } = fromBinary(PredictResponseSchema, message);
    return new Map(Object.entries(outputs).map(([alias, t]) => [alias, Array.from(fromMessage(t).data as Float32Array, Number)]));
  },
  restPath: (model) => `/v1/models/${model}:predict`,
  restRequest: (_, x) => `{"instances":${nested(x)}}`,
  restNumbers(text) {
    const [row] = (JSON.parse(text) as { predictions: Nested[] }).predictions;
    if (typeof row === "object" && !Array.isArray(row)) return new Map(Object.entries(row).map(([alias, value]) => [alias, flat(value)]));
    return new Map([[undefined, flat(row!)]]);
  },
};

/** v2 is the Open Inference Protocol, whose JSON and messages KServe's documentation gives (open-inference-protocol, `rest.md` and `grpc.md`). */
export const v2: Dialect = {
  grpcPath: "/inference.GRPCInferenceService/ModelInfer",
  grpcRequest(model, alias, x) {
    const w = new BinaryWriter();
    w.tag(1, WireType.LengthDelimited).string(model); // model_name
    w.tag(3, WireType.LengthDelimited).string("1"); // id, so that none is made up for each answer
    w.tag(5, WireType.LengthDelimited).fork(); // inputs
    w.tag(1, WireType.LengthDelimited).string(alias).tag(2, WireType.LengthDelimited).string("FP32");
    w.tag(3, WireType.LengthDelimited).fork(); // shape
    for (const dim of x.shape) w.int64(dim);
    w.join().join();
    return w.tag(7, WireType.LengthDelimited).bytes(toBytes(x)).finish(); // raw_input_contents
  },
  grpcNumbers(message) {
    const outputs: { name: string; type: string }[] = [];
    const contents: Uint8Array[] = [];
    fields(message, { 5: (output) => outputs.push(headOf(output)), 6: (raw) => contents.push(raw) });
    return new Map(outputs.map(({ name, type }, i) => [name, elements(contents[i]!, type)]));
  },
  restPath: (model) => `/v2/models/${model}/infer`,
  restRequest: (alias, x) =>
    `{"id":"1","inputs":[{"name":"${alias}","datatype":"FP32","shape":[${x.shape.join(",")}],"data":[${floats(x).map(shortest).join(",")}]}]}`,
  restNumbers(text) {
    const { outputs } = JSON.parse(text) as { outputs: { name: string; data: number[] }[] };
    return new Map(outputs.map(({ name, data }) => [name, data]));
  },
};

function headOf(output: Uint8Array): { name: string; type: string } {
  const head = { name: "", type: "" };
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  fields(output, { 1: (name) => (head.name = text(name)), 2: (type) => (head.type = text(type)) });
  return head;
}

/** fields hands each length-delimited field of a message to whoever wants its number. */
function fields(message: Uint8Array, readers: Readonly<Record<number, (bytes: Uint8Array) => void>>): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const wanted = readers[number];
    if (wanted !== undefined && type === WireType.LengthDelimited) wanted(reader.bytes());
    else reader.skip(type, number);
  }
}

function elements(raw: Uint8Array, type: string): number[] {
  const bytes = new Uint8Array(raw).buffer;
  if (type === "FP32") return [...new Float32Array(bytes)];
  if (type === "INT64") return Array.from(new BigInt64Array(bytes), Number);
  throw new Error(`an output of type ${type}`);
}

type Nested = number | Nested[] | { [alias: string]: Nested };

function flat(value: Nested): number[] {
  return Array.isArray(value) ? value.flatMap(flat) : [value as number];
}

function floats(x: Tensor): number[] {
  return [...(x.data as Float32Array)];
}

/** nested prints a tensor as rows in rows. */
function nested(x: Tensor): string {
  let at = 0;
  const data = floats(x);
  const level = (depth: number): string =>
    depth === x.shape.length ? shortest(data[at++]!) : `[${Array.from({ length: x.shape[depth]! }, () => level(depth + 1)).join(",")}]`;
  return level(0);
}

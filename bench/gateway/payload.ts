// What is sent and what is answered: built from the protos, with fixed values, so that every run sends the same bytes.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, Int64ValueSchema } from "@bufbuild/protobuf/wkt";
import { DataType, GetModelMetadataResponseSchema, PredictRequestSchema, PredictResponseSchema, SignatureDefMapSchema } from "@tfs/proto";

/** Files are the payloads of a run, by path. */
export interface Files {
  readonly [name: string]: string;
}

const modelSpec = { name: "resnet", signatureName: "serving_default" };
const versionedSpec = { ...modelSpec, versionChoice: { case: "version" as const, value: create(Int64ValueSchema, { value: 1n }) } };

/** values gives n float32 that look like features: normal distribution, always the same ones. */
export function values(n: number): Float32Array {
  let state = 1;
  // A linear congruential generator (Numerical Recipes' constants): only its sameness matters.
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 4294967297;
  };
  return Float32Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

const smallShape = [1, 10];
const imageShape = [1, 224, 224, 3];
export const smallValues: Float32Array = values(10);
export const imageValues: Float32Array = values(150_528);

/** tensor has its values as float_val, or as tensor_content if that is asked for. */
function tensor(data: Float32Array, shape: readonly number[], packed: boolean) {
  const tensorShape = { dim: shape.map((size) => ({ size: BigInt(size) })) };
  return packed
    ? { dtype: DataType.DT_FLOAT, tensorShape, tensorContent: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
    : { dtype: DataType.DT_FLOAT, tensorShape, floatVal: [...data] };
}

/** framed puts gRPC's five-byte prefix before a message. */
export function framed(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(message.length + 5);
  new DataView(out.buffer).setUint32(1, message.length);
  out.set(message, 5);
  return out;
}

function predictRequest(data: Float32Array, shape: readonly number[], packed: boolean): Uint8Array {
  return framed(toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec, inputs: { x: tensor(data, shape, packed) } })));
}

function predictResponse(data: Float32Array, shape: readonly number[], packed: boolean): Uint8Array {
  return framed(toBinary(PredictResponseSchema, create(PredictResponseSchema, { modelSpec: versionedSpec, outputs: { y: tensor(data, shape, packed) } })));
}

/** metadataResponse describes the one signature: a gateway asks for it before it can read JSON. Sizes are open, so both shapes fit. */
function metadataResponse(): Uint8Array {
  const open = (rank: number) => ({ dim: Array.from({ length: rank }, () => ({ size: -1n })) });
  const info = (name: string, rank: number) => ({ dtype: DataType.DT_FLOAT, tensorShape: open(rank), encoding: { case: "name" as const, value: `${name}:0` } });
  const map = create(SignatureDefMapSchema, {
    signatureDef: {
      serving_default: {
        inputs: { x: { ...info("x", 0), tensorShape: { unknownRank: true } } },
        outputs: { y: info("y", 2) },
        methodName: "tensorflow/serving/predict",
      },
    },
  });
  const response = create(GetModelMetadataResponseSchema, { modelSpec: versionedSpec, metadata: { signature_def: anyPack(SignatureDefMapSchema, map) } });
  return framed(toBinary(GetModelMetadataResponseSchema, response));
}

/** json is the row format of TensorFlow Serving's REST API, numbers with the fewest digits that are the same float32. */
export function json(data: Float32Array, shape: readonly number[]): string {
  let at = 0;
  const nested = (level: number): string => {
    const items = Array.from({ length: shape[level] ?? 0 }, () => (level === shape.length - 1 ? shortest(data[at++] ?? 0) : nested(level + 1)));
    return `[${items.join(",")}]`;
  };
  return `{"signature_name":"serving_default","instances":${nested(0)}}`;
}

/** shortest prints a float32 with the fewest significant digits that read back as it. */
export function shortest(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** writeFiles writes all payloads into a folder. */
export function writeFiles(dir: string): Files {
  const contents: Record<string, Uint8Array | string> = {
    smallRequest: predictRequest(smallValues, smallShape, false),
    smallMessage: predictRequest(smallValues, smallShape, false).subarray(5),
    largeRequest: predictRequest(imageValues, imageShape, true),
    smallResponse: predictResponse(smallValues, smallShape, false),
    largeResponse: predictResponse(imageValues, imageShape, true),
    metadata: metadataResponse(),
    smallJSON: json(smallValues, smallShape),
    largeJSON: json(imageValues, imageShape),
  };
  return Object.fromEntries(
    Object.entries(contents).map(([name, content]) => {
      const file = join(dir, name);
      writeFileSync(file, content);
      return [name, file];
    }),
  );
}

/** sentValues reads the tensor out of a captured request, whatever field it came in. */
export function sentValues(body: Uint8Array): Float32Array {
  const x = fromBinary(PredictRequestSchema, body.subarray(5)).inputs["x"];
  if (x === undefined) throw new Error("the captured request has no input x");
  if (x.tensorContent.length === 0) return Float32Array.from(x.floatVal);
  return new Float32Array(new Uint8Array(x.tensorContent).buffer); // copied: a view may not be aligned
}

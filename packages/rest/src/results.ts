import { toJson } from "@bufbuild/protobuf";
import {
  type ClassificationResult,
  DataType,
  type GetModelMetadataResponse,
  type GetModelStatusResponse,
  ModelVersionStatus_State,
  type RegressionResult,
  type SignatureDef,
  SignatureDefMapSchema,
  type TensorInfo,
  TensorProtoSchema,
} from "@tfs/proto";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, codeName, newError } from "@tfs/std";
import { printFloat, shortestFloat } from "./number.ts";
import type { PrintOptions } from "./predict_response.ts";
import { indent, quotedText } from "./writer.ts";

const encoder = new TextEncoder();

/** printClassify writes a list of [label, score] pairs per example. Throws InvalidArgument if there is none. */
export function printClassify(result: ClassificationResult, options: PrintOptions = {}): Uint8Array {
  const print = floatPrinter(options);
  if (result.classifications.length === 0) throw newError(Code.InvalidArgument, "Cannot convert empty ClassificationResults to JSON");
  const rows = result.classifications.map((c) => `[${c.classes.map((k) => `[${quotedText(k.label)}, ${print(k.score)}]`).join(", ")}]`);
  return encoder.encode(`{\n${indent(1)}"results": [${rows.join(", ")}\n${indent(1)}]\n}`);
}

/** printRegress writes one number per example. Throws InvalidArgument if there is none. */
export function printRegress(result: RegressionResult, options: PrintOptions = {}): Uint8Array {
  const print = floatPrinter(options);
  if (result.regressions.length === 0) throw newError(Code.InvalidArgument, "Cannot convert empty RegressionResults to JSON");
  return encoder.encode(`{\n${indent(1)}"results": [${result.regressions.map((r) => print(r.value)).join(", ")}]\n}`);
}

function floatPrinter({ numbers = "tensorflow" }: PrintOptions): (value: number) => string {
  return numbers === "shortest" ? shortestFloat : printFloat;
}

const states: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(ModelVersionStatus_State).map(([name, n]) => [n, name]));

/** printStatus writes every version's state: one space a level, a newline at the end. */
export function printStatus(response: GetModelStatusResponse): Uint8Array {
  const body = {
    model_version_status: response.modelVersionStatus.map((s) => ({
      version: s.version.toString(),
      state: states[s.state] ?? String(s.state),
      status: { error_code: codeName(s.status?.errorCode ?? 0), error_message: s.status?.errorMessage ?? "" },
    })),
  };
  return encoder.encode(`${JSON.stringify(body, undefined, 1)}\n`);
}

const dtypes: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(DataType).map(([name, n]) => [n, name]));

/** printMetadata writes model spec and signatures, proto field names and defaults kept. Throws Internal if the response holds no signatures. */
export function printMetadata(response: GetModelMetadataResponse): Uint8Array {
  const packed = response.metadata["signature_def"];
  if (packed === undefined) throw newError(Code.Internal, "Failed to find 'signature_def' key in the GetModelMetadataResponse metadata map.");
  const map = anyUnpack(packed, SignatureDefMapSchema);
  if (map === undefined) throw newError(Code.Internal, "Failed to unpack 'Any' object to 'SignatureDefMap'.");
  const spec = response.modelSpec;
  const body = {
    model_spec: {
      name: spec?.name ?? "",
      signature_name: "",
      version: (spec?.versionChoice.case === "version" ? spec.versionChoice.value.value : 0n).toString(),
    },
    metadata: { signature_def: { signature_def: Object.fromEntries(Object.entries(map.signatureDef).map(([name, s]) => [name, signature(s)])) } },
  };
  return encoder.encode(JSON.stringify(body, undefined, 1));
}

function signature(s: SignatureDef): unknown {
  const infos = (map: { readonly [alias: string]: TensorInfo }): unknown =>
    Object.fromEntries(Object.entries(map).map(([alias, info]) => [alias, tensorInfo(info)]));
  const defaults = Object.fromEntries(
    Object.entries(s.defaults).map(([alias, t]) => [alias, toJson(TensorProtoSchema, t, { useProtoFieldName: true, alwaysEmitImplicit: true })]),
  );
  return { inputs: infos(s.inputs), outputs: infos(s.outputs), method_name: s.methodName, defaults };
}

function tensorInfo(info: TensorInfo): unknown {
  const { encoding, tensorShape } = info;
  const base = {
    dtype: dtypes[info.dtype] ?? String(info.dtype),
    tensor_shape: { dim: (tensorShape?.dim ?? []).map((d) => ({ size: d.size.toString(), name: d.name })), unknown_rank: tensorShape?.unknownRank ?? false },
  };
  switch (encoding.case) {
    case "name":
      return { ...base, name: encoding.value };
    case "cooSparse":
      return {
        ...base,
        coo_sparse: {
          values_tensor_name: encoding.value.valuesTensorName,
          indices_tensor_name: encoding.value.indicesTensorName,
          dense_shape_tensor_name: encoding.value.denseShapeTensorName,
        },
      };
    default:
      return base;
  }
}

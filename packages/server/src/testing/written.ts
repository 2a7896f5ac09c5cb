import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { type NodeDef, NodeDefSchema, SavedModelSchema } from "@tfs/proto";
import { DType, type Tensor, toMessage } from "@tfs/tensor";

/** Signature names tensors by alias: "ex" is the placeholder for examples, anything else a constant. */
export interface WrittenSignature {
  readonly method: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 * writeModel writes a version (default 1) of a model that answers with constants whatever comes: what no exporter would write, so that each check of an answer can
 * be met.
 */
export function writeModel(
  basePath: string,
  constants: Readonly<Record<string, Tensor>>,
  signatures: Readonly<Record<string, WrittenSignature>>,
  version = "1",
): void {
  const dir = join(basePath, version);
  mkdirSync(dir, { recursive: true });
  const info = (names: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(names).map(([alias, name]) => [
        alias,
        { encoding: { case: "name", value: `${name}:0` } as const, dtype: constants[name]?.dtype ?? DType.String },
      ]),
    );
  const model = create(SavedModelSchema, {
    savedModelSchemaVersion: 1n,
    metaGraphs: [
      {
        metaInfoDef: { tags: ["serve"] },
        graphDef: { node: [placeholder("ex"), ...Object.entries(constants).map(([name, t]) => constant(name, t))], versions: { producer: 1882 } },
        signatureDef: Object.fromEntries(
          Object.entries(signatures).map(([name, { method, inputs, outputs }]) => [name, { methodName: method, inputs: info(inputs), outputs: info(outputs) }]),
        ),
      },
    ],
  });
  writeFileSync(join(dir, "saved_model.pb"), toBinary(SavedModelSchema, model));
}

function placeholder(name: string): NodeDef {
  return create(NodeDefSchema, {
    name,
    op: "Placeholder",
    attr: { dtype: { value: { case: "type", value: DType.String } }, shape: { value: { case: "shape", value: { unknownRank: true } } } },
  });
}

function constant(name: string, t: Tensor): NodeDef {
  return create(NodeDefSchema, {
    name,
    op: "Const",
    attr: { dtype: { value: { case: "type", value: t.dtype } }, value: { value: { case: "tensor", value: toMessage(t) } } },
  });
}

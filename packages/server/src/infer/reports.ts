import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import {
  type GetModelMetadataRequest,
  type GetModelMetadataResponse,
  GetModelMetadataResponseSchema,
  type GetModelStatusRequest,
  type GetModelStatusResponse,
  GetModelStatusResponseSchema,
  SignatureDefMapSchema,
} from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import type { InferOptions, Seen } from "./options.ts";
import { specOf } from "./predict.ts";

/** metadata describes a loaded model; `signature_def` is the one field there is. */
export function metadata(request: GetModelMetadataRequest, options: InferOptions, seen?: Seen): GetModelMetadataResponse {
  if (request.modelSpec === undefined) throw newError(Code.InvalidArgument, "Missing ModelSpec");
  if (request.metadataField.length === 0) throw newError(Code.InvalidArgument, "GetModelMetadataRequest must specify at least one metadata_field");
  for (const field of request.metadataField) if (field !== "signature_def") throw newError(Code.InvalidArgument, `Metadata field ${field} is not supported`);
  using handle = options.manager.acquire(request.modelSpec);
  seen?.found(handle.servable, "");
  const { name, version, signatures } = handle.servable;
  const map = create(SignatureDefMapSchema, { signatureDef: Object.fromEntries(signatures) });
  return create(GetModelMetadataResponseSchema, { modelSpec: specOf(name, version, ""), metadata: { signature_def: anyPack(SignatureDefMapSchema, map) } });
}

/** status lists a model's versions; a label is ignored, as in TensorFlow Serving. */
export function status(request: GetModelStatusRequest, options: InferOptions): GetModelStatusResponse {
  const spec = request.modelSpec;
  if (spec === undefined) throw newError(Code.InvalidArgument, "Missing ModelSpec");
  const wanted = spec.versionChoice.case === "version" ? spec.versionChoice.value.value : undefined;
  return create(GetModelStatusResponseSchema, {
    modelVersionStatus: options.manager.status(spec.name, wanted).map(({ version, state, error }) => ({
      version,
      state,
      status: { errorCode: error?.code ?? 0, errorMessage: error?.message ?? "" },
    })),
  });
}

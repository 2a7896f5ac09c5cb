import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type TensorProto, TensorProtoSchema } from "@tfs/proto";
import { decode, type DecodeOptions } from "./decode.ts";
import { encode, type Form } from "./encode.ts";
import type { Tensor } from "./tensor.ts";

/** fromMessage reads a TensorProto that generated code has decoded already: graph constants, Connect's JSON codec. Not for bulk data. */
export function fromMessage(message: TensorProto, options: DecodeOptions = {}): Tensor {
  return decode(toBinary(TensorProtoSchema, message), options);
}

/** toMessage gives a tensor as a protobuf-es message. */
export function toMessage(t: Tensor, form: Form = "content"): TensorProto {
  return fromBinary(TensorProtoSchema, encode(t, form));
}

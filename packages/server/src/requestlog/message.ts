// A PredictionLog (tensorflow_serving/apis/prediction_log.proto) around messages that are bytes already: nothing of them is decoded or copied.
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** The fields of PredictionLog, but for log_metadata, which is 1. */
const fields = { classify: 2, regress: 3, multiInference: 4, sessionRun: 5, predict: 6, predictStreamed: 7 } as const;
export type LogKind = keyof typeof fields;

/** Exchange is a request and its answer, serialised. */
export interface Exchange {
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** piecesOf gives a PredictionLog. All but a stream's has one exchange. */
export function piecesOf(kind: LogKind, metadata: Uint8Array, exchanges: readonly Exchange[]): Uint8Array[] {
  const inner = exchanges.flatMap(({ request, response }) => [head(1, request.byteLength), request, head(2, response.byteLength), response]);
  return [head(1, metadata.byteLength), metadata, head(fields[kind], sizeOf(inner)), ...inner];
}

export function sizeOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.byteLength;
  return bytes;
}

/** head is what stands before the bytes of a message. */
function head(field: number, sizeBytes: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(sizeBytes).finish();
}

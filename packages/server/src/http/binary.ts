// Data plane: predict calls whose tensors come or go as arrays of numpy. TensorFlow Serving has no such thing; the texts are ours.
import type { SignatureDef } from "@tfs/proto";
import { type Media, npyType, npzType, parseNpy, parseNpz, printNpy, printNpz, sentMedia, wantedMedia } from "@tfs/rest";
import type { Fields } from "@tfs/rpc";
import { Code, newError } from "@tfs/std";
import { type DType, type Tensor, toDType } from "@tfs/tensor";

/** Arrays is how a predict call wants its tensors to travel, and what its query says then: a body of numbers has no room for that. */
export interface Arrays {
  readonly sent: Media;
  readonly wanted: Media;
  /** path is the target without its query. */
  readonly path: string;
  readonly signatureName: string;
  /** outputs are those that the answer is to have; all if there are none. */
  readonly outputs: readonly string[];
}

/** arraysOf reads what a request says of arrays; undefined for all that TensorFlow Serving knows. Throws InvalidArgument for a query that says something else. */
export function arraysOf(fields: Fields, method: string, target: string): Arrays | undefined {
  const sent = sentMedia(fields.get("content-type"));
  const wanted = wantedMedia(fields.get("accept"));
  if (sent === "json" && wanted === "json") return undefined;
  const [path = "", query = ""] = target.split("?", 2);
  if (method !== "POST" || !path.endsWith(":predict")) return undefined;
  const asked = new URLSearchParams(query);
  for (const key of asked.keys())
    if (key !== "signature_name" && key !== "output")
      throw newError(Code.InvalidArgument, `the query of a call with arrays knows signature_name and output, not ${key}`);
  return { sent, wanted, path, signatureName: asked.get("signature_name") ?? "", outputs: asked.getAll("output") };
}

/** readArrays reads a body of arrays as the inputs of a signature. Throws InvalidArgument. */
export function readArrays(body: Uint8Array, sent: "npy" | "npz", signature: SignatureDef): ReadonlyMap<string, Tensor> {
  const dtypes = new Map(Object.entries(signature.inputs).map(([alias, info]): [string, DType | undefined] => [alias, toDType(info.dtype)]));
  if (sent === "npz") return parseNpz(body, dtypes);
  const [alias, ...more] = dtypes.keys();
  if (alias === undefined || more.length > 0) {
    const names = [...dtypes.keys()].sort().join(", ");
    throw newError(Code.InvalidArgument, `${npyType} carries one array, and the signature has the inputs {${names}}: send ${npzType}`);
  }
  return new Map([[alias, parseNpy(body, alias, dtypes.get(alias))]]);
}

/** printArrays writes outputs as arrays. Throws InvalidArgument. */
export function printArrays(outputs: ReadonlyMap<string, Tensor>, wanted: "npy" | "npz"): Uint8Array {
  if (wanted === "npz") return printNpz(outputs);
  const [only, ...more] = outputs;
  if (only === undefined || more.length > 0) {
    const names = [...outputs.keys()].sort().join(", ");
    throw newError(Code.InvalidArgument, `${npyType} carries one array, and the answer has {${names}}: choose with ?output=NAME, or accept ${npzType}`);
  }
  return printNpy(only[0], only[1]);
}

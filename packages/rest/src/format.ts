import type { Tensor } from "@tfs/tensor";

/** Format is how a predict body is laid out; the answer follows the request. */
export type Format = "row" | "columnar";

/** PredictInputs is what a predict body holds. */
export interface PredictInputs {
  readonly format: Format;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

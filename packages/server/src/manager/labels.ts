import { Code, newError } from "@tfs/std";

/** Labels are versions by label by model. They follow their configuration only: a label outlives its version. */
export type Labels = ReadonlyMap<string, ReadonlyMap<string, bigint>>;

export interface LabelOptions {
  /** available tells whether a version can be asked for now. */
  readonly available: (model: string, version: bigint) => boolean;
  /** allowUnavailable lets a label that is new, or stays where it is, point to a version that is not available. */
  readonly allowUnavailable: boolean;
  /** force lets any label point to any version. */
  readonly force: boolean;
}

/** assignLabels gives the labels to have next: those wanted, if each may point to where it shall. Throws FailedPrecondition in TensorFlow Serving's words. */
export function assignLabels(now: Labels | undefined, wanted: Labels, options: LabelOptions): Labels {
  for (const [model, labels] of wanted) {
    for (const [label, version] of labels) {
      if (options.force || options.available(model, version)) continue;
      const before = now?.get(model)?.get(label);
      if (options.allowUnavailable && (before === undefined || before === version)) continue;
      throw newError(
        Code.FailedPrecondition,
        `Request to assign label to version ${version} of model ${model}, which is not currently available for inference`,
      );
    }
  }
  return wanted;
}

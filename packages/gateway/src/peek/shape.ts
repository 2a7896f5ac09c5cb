import type { Shape } from "./peek.ts";

/** Which requests of TensorFlow Serving and of ours have a model_spec, and where (tensorflow_serving/apis). Reloading the configuration names no model of its own. */
const shapes: ReadonlyMap<string, Shape> = new Map([
  ["/tensorflow.serving.PredictionService/Predict", "spec"],
  ["/tensorflow.serving.PredictionService/Classify", "spec"],
  ["/tensorflow.serving.PredictionService/Regress", "spec"],
  ["/tensorflow.serving.PredictionService/MultiInference", "task"],
  ["/tensorflow.serving.PredictionService/GetModelMetadata", "spec"],
  ["/tensorflow.serving.ModelService/GetModelStatus", "spec"],
  ["/tensorflow.serving.SessionService/SessionRun", "spec"],
  ["/tfs.serving.v1.ServingService/PredictStream", "spec"], // of its first message
]);

/** shapeOf says where the requests of a method have their model_spec; undefined if they have none. */
export function shapeOf(path: string): Shape | undefined {
  return shapes.get(path);
}

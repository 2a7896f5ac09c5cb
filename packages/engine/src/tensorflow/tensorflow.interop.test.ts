import { describeEngine } from "../conformance/index.ts";
import { newGate } from "../native/index.ts";
import { newTensorFlowEngine } from "./index.ts";
import { models } from "../testing/index.ts";
import { libraryDir } from "./testing/index.ts";

describeEngine(newTensorFlowEngine({ dir: libraryDir(), gate: newGate({ places: 4 }) }), models);

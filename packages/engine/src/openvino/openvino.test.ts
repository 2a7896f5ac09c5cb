import { fileURLToPath } from "node:url";
import { describeEngine } from "../conformance/index.ts";
import { newGate } from "../native/index.ts";
import { newOpenVinoEngine } from "./index.ts";

describeEngine(newOpenVinoEngine({ dir: "/tmp/ovlib", gate: newGate({ places: 4 }) }), fileURLToPath(new URL("../../../../testdata/models/", import.meta.url)));

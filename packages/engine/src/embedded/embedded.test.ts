import { fileURLToPath } from "node:url";
import { describeEngine } from "../conformance/index.ts";
import { newEmbeddedEngine } from "./index.ts";

describeEngine(newEmbeddedEngine(), fileURLToPath(new URL("../../../../testdata/models/", import.meta.url)));

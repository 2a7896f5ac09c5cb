import { fileURLToPath } from "node:url";
import { discard, systemClock } from "@tfs/std";
import { describeEngine } from "../conformance/index.ts";
import { newIsolatedEngine } from "./index.ts";

const main = fileURLToPath(new URL("testing/main.js", import.meta.url));
const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
const engine = newIsolatedEngine({ command: [process.execPath, main], name: "embedded", clock: systemClock(), logger: discard() });
describeEngine(engine, models);

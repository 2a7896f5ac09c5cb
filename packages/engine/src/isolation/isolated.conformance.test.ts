import { fileURLToPath } from "node:url";
import { discard, systemClock } from "@tfs/std";
import { describeEngine } from "../conformance/index.ts";
import { newIsolatedEngine } from "./index.ts";
import { child } from "./testing/child.ts";

const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
const engine = newIsolatedEngine({
  command: [process.execPath, await child()],
  name: "embedded",
  clock: systemClock(),
  logger: discard(),
  spareMs: Number.POSITIVE_INFINITY,
});
describeEngine(engine, models);

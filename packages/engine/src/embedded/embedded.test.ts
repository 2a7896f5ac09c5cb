import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { background } from "@tfs/std";
import { describeEngine } from "../conformance/index.ts";
import { newEmbeddedEngine } from "./index.ts";

const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
describeEngine(newEmbeddedEngine(), models);

// The same in a thread, which stays as long as a model is there.
const inThreads = newEmbeddedEngine({ threads: 1, smallBytes: -1 });
const held = inThreads.load(background(), join(models, "half_plus_two/1"));
after(async () => (await held).close());
describeEngine(inThreads, models);

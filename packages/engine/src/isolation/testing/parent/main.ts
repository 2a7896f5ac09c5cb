// A process that has an isolated engine and is killed. usage: main.js DIR FETCH CHILD ARGUMENT …: it loads DIR, asks for FETCH, and says so on standard output.
import { background, discard, systemClock } from "@tfs/std";
import { newIsolatedEngine } from "../../index.ts";

const [dir = "", fetch = "", ...args] = process.argv.slice(2);
const engine = newIsolatedEngine({ command: [process.execPath, ...args], name: "embedded", clock: systemClock(), logger: discard() });
const model = await engine.load(background(), dir);
const answer = model.run(background(), new Map(), [fetch]);
process.stdout.write("asked\n");
await answer;

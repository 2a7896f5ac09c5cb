// A process that does with the engine what a test cannot do in its own.
// usage: main.js requests|models|end|growth DIR …
import { cpus } from "node:os";
import { newGate } from "../../native/index.ts";
import { end, fuzzModels, fuzzRequests, growth } from "../../testing/index.ts";
import { newOpenVinoEngine } from "../index.ts";

const [what = "", dir = "", ...rest] = process.argv.slice(2);
const engine = newOpenVinoEngine({ dir, gate: newGate({ places: 2 * cpus().length }) });
const [a = "", b = "", c = ""] = rest;
if (what === "requests") await fuzzRequests(engine, Number(b), Number(c));
else if (what === "models") await fuzzModels(engine, a, Number(b), Number(c));
else if (what === "growth") process.stdout.write(`${await growth(engine, a, Number(b))}\n`);
else await end(engine, a, new URL(import.meta.url), ["end", dir]);

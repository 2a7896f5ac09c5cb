// npm run bench -- NAME: a benchmark by name; without one it lists them. Builds first; runs on the repository's own Node with the collector at hand.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { node, setUp } from "./setup.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const found = new Map(globSync("{packages/*/bench,bench}/*.mjs", { cwd: root }).map((file) => [basename(file, ".mjs"), file]));
const [name, ...args] = process.argv.slice(2);
const file = found.get(name ?? "");
if (file === undefined) {
  console.log(`usage: npm run bench -- NAME\n\n${[...found.keys()].sort().join("\n")}`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  setUp();
  process.exitCode = spawnSync(node, ["--expose-gc", join(root, file), ...args], { cwd: root, stdio: "inherit" }).status ?? 1;
}

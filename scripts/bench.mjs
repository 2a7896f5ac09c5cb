// npm run bench -- NAME: a benchmark by name; without one it lists them. Builds first; runs on the repository's own Node with the collector at hand.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { node, setUp } from "./setup.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders = ["bench", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/bench`)].filter((folder) => existsSync(join(root, folder)));
const files = folders.flatMap((folder) => readdirSync(join(root, folder)).map((file) => `${folder}/${file}`));
const found = new Map(files.filter((file) => file.endsWith(".mjs")).map((file) => [basename(file, ".mjs"), file]));
const [name, ...args] = process.argv.slice(2);
const file = found.get(name ?? "");
if (file === undefined) {
  if (name !== undefined) console.error(`there is no benchmark ${name}`);
  console.log(`usage: npm run bench -- NAME\n\n${[...found.keys()].sort().join("\n")}`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  setUp();
  process.exitCode = spawnSync(node, ["--expose-gc", join(root, file), ...args], { cwd: root, stdio: "inherit" }).status ?? 1;
}

// The main job: two model servers, a gateway in front, real predictions through it. `npm start -- --help` tells the rest.
// Plain JavaScript for any Node from 20: it only hands over to the repository's own Node.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const child = spawn(
  fileURLToPath(new URL(`../node_modules/.bin/node${process.platform === "win32" ? ".cmd" : ""}`, import.meta.url)),
  ["--disable-warning=ExperimentalWarning", "scripts/demo/main.ts", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit", shell: process.platform === "win32" },
);
child.on("error", (err) => {
  console.error(`cannot start the repository's own Node (${err.message}): run \`npm start\`, which sets it up`);
  process.exitCode = 1;
});
// The terminal sends Ctrl-C to both of us; the child decides when it is done.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});

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
// A terminal sends Ctrl-C to both of us, and whoever signals this process means the child: it bears two, and decides when it is done.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});

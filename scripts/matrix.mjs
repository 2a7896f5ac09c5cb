// npm run test:matrix: the same build under each Node that the packages support. `npm run tools` puts the other two in place.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const own = join(root, "node_modules/.bin/node");
const nodes = [
  ["22", join(root, ".tools/node-22/node_modules/.bin/node")],
  ["24", own],
  ["26", join(root, ".tools/node-26/node_modules/.bin/node")],
];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const [major, node] of nodes) {
  console.log(`Node ${major}:`);
  if (!existsSync(node)) {
    console.log(`  skipped: needs node-${major}, run npm run tools`);
    total.skipped++;
    continue;
  }
  const { stdout } = spawnSync(own, ["scripts/test.mjs", "--node", node], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 28,
  });
  process.stdout.write(stdout);
  const counts = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(stdout);
  if (counts === null) total.failed++;
  else for (const [i, key] of ["passed", "failed", "skipped"].entries()) total[key] += Number(counts[i + 1]);
}
if (process.env.CI === "true") total.failed += total.skipped;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

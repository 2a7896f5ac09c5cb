// Completes package-lock.json after an `npm install`: an optional platform package that the registry could not deliver is left out of the lockfile, and
// `npm ci` then refuses it. Entries with version, os and cpu are all that it wants.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(file, "utf8"));
let added = 0;
for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const own = `node_modules/${name}`;
    if (lock.packages[own] !== undefined || lock.packages[`${path}/${own}`] !== undefined) continue;
    const parts = name.split(/[-/]/);
    const os = ["darwin", "linux", "win32", "freebsd", "android"].filter((o) => parts.includes(o));
    const cpu = ["arm64", "x64", "arm", "ia32", "ppc64", "s390x", "riscv64"].filter(
      (c) => parts.includes(c) || (c === "arm64" && parts.includes("aarch64")) || (c === "arm" && parts.includes("armv7")),
    );
    lock.packages[own] = { version, ...(cpu.length > 0 ? { cpu } : {}), ...(entry.dev ? { dev: true } : {}), optional: true, ...(os.length > 0 ? { os } : {}) };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
if (added > 0) writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`${added} optional packages added to the lockfile`);

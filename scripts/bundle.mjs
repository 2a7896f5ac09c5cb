// Puts each command into one file beside its modules, but for what it imports when it needs it, and what commands share: Node takes longer to find and read some three
// hundred modules than to run what is in them. Commands run that file unless something was built since. npm's packages that a command needs besides protobuf-es stay what they are, and are found where npm put them.
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** parts is the folder in dist of what is imported later or shared. */
const parts = "parts";
const root = fileURLToPath(new URL("..", import.meta.url));
const packages = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
const manifests = new Map(packages.map((dir) => [dir, JSON.parse(readFileSync(join(dir, "package.json"), "utf8"))]));
const foreign = [...manifests.values()].flatMap((m) => Object.keys({ ...m.dependencies, ...m.peerDependencies, ...m.optionalDependencies }));
const external = [...new Set(foreign)].filter((name) => !name.startsWith("@tfs/") && name !== "@bufbuild/protobuf").flatMap((name) => [name, `${name}/*`]);

const built = packages.map((dir) => join(dir, "dist/.tsbuildinfo")).filter((file) => existsSync(file));
const newest = Math.max(...built.map((file) => statSync(file).mtimeMs));
for (const [dir, { bin }] of manifests) {
  if (bin === undefined) continue;
  const outdir = join(dir, "dist");
  const commands = ["bin", "child/bin"].filter((name) => existsSync(join(outdir, name.replace(/bin$/, "main.js"))));
  const age = (name) => statSync(join(outdir, `${name}.mjs`), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (commands.every((name) => age(name) >= newest)) continue;
  rmSync(join(outdir, parts), { recursive: true, force: true });
  await build({
    entryPoints: Object.fromEntries(commands.map((name) => [name, join(outdir, name.replace(/bin$/, "main.js"))])),
    outdir,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    chunkNames: `${parts}/[name]-[hash]`,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    external,
    banner: { js: "// Made from the modules beside it, and from @bufbuild/protobuf (Apache-2.0 AND BSD-3-Clause), which this package depends on." },
    logLevel: "warning",
  });
}

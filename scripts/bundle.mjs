// Puts each command into one file beside its modules: Node takes longer to find and read some three hundred modules than to run what is in them. Commands run that
// file unless something was built since. npm's packages that a command needs besides protobuf-es stay what they are, and are found where npm put them.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
const manifests = new Map(packages.map((dir) => [dir, JSON.parse(readFileSync(join(dir, "package.json"), "utf8"))]));
const foreign = [...manifests.values()].flatMap((m) => Object.keys({ ...m.dependencies, ...m.peerDependencies, ...m.optionalDependencies }));
const external = [...new Set(foreign)].filter((name) => !name.startsWith("@tfs/") && name !== "@bufbuild/protobuf").flatMap((name) => [name, `${name}/*`]);

const built = packages.map((dir) => join(dir, "dist/.tsbuildinfo")).filter((file) => existsSync(file));
const newest = Math.max(...built.map((file) => statSync(file).mtimeMs));
for (const [dir, { bin }] of manifests) {
  if (bin === undefined) continue;
  for (const entry of ["dist/main.js", "dist/child/main.js"]) {
    const entryPoint = join(dir, entry);
    const outfile = entryPoint.replace(/main\.js$/, "bin.mjs");
    if (!existsSync(entryPoint) || (existsSync(outfile) && statSync(outfile).mtimeMs >= newest)) continue;
    await build({
      entryPoints: [entryPoint],
      outfile,
      bundle: true,
      platform: "node",
      target: "node22",
      format: "esm",
      external,
      banner: { js: "// Made from the modules beside it, and from @bufbuild/protobuf (Apache-2.0 AND BSD-3-Clause), which this package depends on." },
      logLevel: "warning",
    });
  }
}

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * child gives the path of an engine's process of this package's tests, put into one file beside its modules: that starts three times as fast as they do. `main` is the
 * embedded engine's, which breaks on request, `native/main` that of any engine.
 */
export async function child(name: "main" | "native/main" = "main"): Promise<string> {
  const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const outfile = path(`${name}.mjs`);
  const external = ["koffi"];
  await build({ entryPoints: [path(`${name}.js`)], outfile, external, bundle: true, platform: "node", target: "node22", format: "esm", logLevel: "warning" });
  return outfile;
}

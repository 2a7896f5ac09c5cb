// npm run wasm [-- --check]: makes packages/engine/src/embedded/simd/code.ts from packages/engine/wasm, and packages/rest/src/floats_code.ts from packages/rest/wasm, with clang and lld 16, which
// Debian 12 has; --check only compares.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const engine = ["gemm.c", "double.c", "window.c", "numbers.c", "chain.c", "rows.c", "cell.c"].map((name) => join(root, "packages/engine/wasm", name));
const rest = [join(root, "packages/rest/wasm/floats.c")];
const dir = mkdtempSync(join(tmpdir(), "tfs-wasm-"));

const unpacked = join(root, ".tools/clang-16"); // `npm run tools` unpacks it there
const system = existsSync(unpacked) ? unpacked : "/";
const llvm = join(system, "usr/lib/llvm-16/bin");

function build(sources, ...options) {
  const out = join(dir, "out.wasm");
  const flags = ["--target=wasm32", "-O3", "-ffreestanding", "-nostdlib", "-Wall", "-Wextra", "-Werror", `-fuse-ld=${join(llvm, "wasm-ld")}`];
  execFileSync(join(llvm, "clang"), [...flags, "-Wl,--no-entry,--strip-all", ...options, "-o", out, ...sources], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, LD_LIBRARY_PATH: join(system, "usr/lib/x86_64-linux-gnu") },
  });
  return readFileSync(out).toString("base64");
}

const shared = ["-msimd128", "-matomics", "-mbulk-memory", "-Wl,--import-memory,--shared-memory,--max-memory=4294967296,--export=__stack_pointer"];

/** keep writes what was made, or compares. */
function keep(path, text) {
  const target = join(root, path);
  if (!process.argv.includes("--check")) return writeFileSync(target, text);
  if (readFileSync(target, "utf8") === text) return;
  console.error(`${path} is not what its sources make: npm run wasm`);
  process.exitCode = 1;
}

try {
  keep(
    "packages/engine/src/embedded/simd/code.ts",
    `// Made by \`npm run wasm\` from packages/engine/wasm; never edited by hand.

/** Code for every engine with WebAssembly SIMD, in base64. */
export const simd128 =
  "${build(engine, ...shared)}";
/** The same with relaxed SIMD, which fuses multiplication and addition. */
export const relaxed =
  "${build(engine, ...shared, "-mrelaxed-simd", "-DRELAXED")}";
`,
  );
  keep(
    "packages/rest/src/floats_code.ts",
    `// Made by \`npm run wasm\` from packages/rest/wasm; never edited by hand.

/** Code for every engine with WebAssembly, in base64. */
export const floats =
  "${build(rest, "-msimd128")}";
`,
  );
} finally {
  rmSync(dir, { recursive: true });
}

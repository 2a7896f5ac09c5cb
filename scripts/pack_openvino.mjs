// node scripts/pack_openvino.mjs [--platform linux-x64] [--wheel FILE] [--out DIR] [--check]: the npm package of OpenVINO's libraries for a platform, from PyPI's wheel.
// It has no install scripts: npm unpacks it where `os` and `cpu` fit. With --check it is installed from the tarball in an empty project, beside @tfs/engine's own
// tarballs, and runs a model. Only linux-x64 has been tried; the others are made by the same steps.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options } = parseArgs({
  options: {
    platform: { type: "string", default: "linux-x64" },
    wheel: { type: "string" },
    out: { type: "string", default: "." },
    check: { type: "boolean" },
  },
});
const version = /^openvino==(\S+)$/m.exec(readFileSync(join(root, "scripts/requirements.txt"), "utf8"))[1];

/** Wheels by platform, as pip names them, with what npm shall know of it. */
const platforms = {
  "linux-x64": { tag: "manylinux_2_28_x86_64", os: "linux", cpu: "x64", libc: ["glibc"] },
  "linux-arm64": { tag: "manylinux_2_35_aarch64", os: "linux", cpu: "arm64", libc: ["glibc"] },
  "darwin-arm64": { tag: "macosx_12_0_arm64", os: "darwin", cpu: "arm64" },
  "win32-x64": { tag: "win_amd64", os: "win32", cpu: "x64" },
};
const platform = platforms[options.platform];
if (platform === undefined) throw new Error(`there is no platform ${options.platform}: ${Object.keys(platforms).join(", ")}`);

/** The six libraries that are needed, whatever a platform's names for them: libtbb.so.12, libtbb.12.dylib, tbb12.dll. */
const needed = ["tbb", "openvino", "openvino_c", "openvino_tensorflow_frontend", "openvino_tensorflow_lite_frontend", "openvino_(intel|arm)_cpu_plugin"];
const named = (stem) => new RegExp(`^(lib)?${stem}(12)?(\\.\\d+)*\\.(so|dylib|dll)(\\.\\d+)*$`);

const scratch = mkdtempSync(join(tmpdir(), "tfs-openvino-"));
try {
  const wheel = options.wheel ?? download();
  const folder = stage(wheel);
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--loglevel=error", "--pack-destination", resolve(options.out)], { cwd: folder, encoding: "utf8" }),
  );
  const tarball = join(resolve(options.out), packed.filename);
  console.log(`${tarball}: ${(packed.size / 1e6).toFixed(1)} MB, ${(packed.unpackedSize / 1e6).toFixed(1)} MB unpacked, ${packed.files.length} files`);
  if (options.check) check(tarball);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function download() {
  const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11"];
  execFileSync("python3", [...args, `--platform=${platform.tag}`, "--dest", scratch, `openvino==${version}`], { stdio: "inherit" });
  return join(
    scratch,
    readdirSync(scratch).find((name) => name.endsWith(".whl")),
  );
}

/** stage lays out the package: lib/ with the libraries, licenses/ with all licence files of the wheel. */
function stage(wheel) {
  const unpacked = join(scratch, "wheel");
  execFileSync("python3", ["-m", "zipfile", "-e", wheel, unpacked]);
  const folder = join(scratch, "package");
  const libs = join(unpacked, "openvino/libs");
  mkdirSync(join(folder, "lib"), { recursive: true });
  for (const stem of needed) {
    const found = readdirSync(libs).filter((name) => named(stem).test(name));
    if (found.length !== 1) throw new Error(`${basename(wheel)} has ${found.length} libraries ${stem}: ${found.join(", ")}`);
    copyFileSync(join(libs, found[0]), join(folder, "lib", found[0]));
  }
  const info = readdirSync(unpacked).find((name) => name.endsWith(".dist-info"));
  cpSync(join(unpacked, info, "licenses"), join(folder, "licenses"), { recursive: true });
  if (!statSync(join(folder, "licenses/LICENSE")).isFile()) throw new Error("the wheel has no licence");
  const name = `@tfs/openvino-${options.platform}`;
  const description = `OpenVINO's libraries for ${options.platform}, as they are in PyPI's openvino ${version}.`;
  const { os, cpu, libc } = platform;
  writeFileSync(
    join(folder, "package.json"),
    `${JSON.stringify({ name, version, description, license: "Apache-2.0", os: [os], cpu: [cpu], libc, files: ["lib", "licenses"], exports: { "./package.json": "./package.json" } }, null, 2)}\n`,
  );
  writeFileSync(
    join(folder, "README.md"),
    `# ${name}\n\n${description} For @tfs/engine, which finds them by this package's name.\n\nLicences: \`licenses/\`.\n`,
  );
  return folder;
}

/** check installs the tarball in an empty project and runs a model there, on what npm has unpacked. */
function check(tarball) {
  const project = join(scratch, "project");
  mkdirSync(project);
  const dependencies = Object.fromEntries(
    ["engine", "savedmodel", "tensor", "proto", "std"].map((name) => {
      const [{ filename }] = JSON.parse(
        execFileSync("npm", ["pack", "--json", "--loglevel=error", "--pack-destination", scratch], { cwd: join(root, "packages", name), encoding: "utf8" }),
      );
      return [`@tfs/${name}`, `file:${join(scratch, filename)}`];
    }),
  );
  dependencies[`@tfs/openvino-${options.platform}`] = `file:${tarball}`;
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  execFileSync("npm", ["install", "--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund", "--engine-strict=false"], {
    cwd: project,
    stdio: "inherit",
  });
  copyFileSync(join(root, "scripts/pack/openvino.mjs"), join(project, "openvino.mjs"));
  const node = join(root, "node_modules/.bin/node");
  const { status } = spawnSync(node, ["openvino.mjs", join(root, "testdata/models/mlp/1"), `@tfs/openvino-${options.platform}`], {
    cwd: project,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`the model does not run from ${basename(tarball)}`);
}

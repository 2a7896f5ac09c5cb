// Programs that come from Debian 12's packages.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * unpack lays a package of Debian's, others of the same version that it needs there, and the libraries that the system lacks into a folder: nothing is installed,
 * nobody's configuration changes.
 */
export function unpack(name, version, { dir, run, once }, others = []) {
  once(name, version, () => {
    const simulate = () =>
      spawnSync("apt-get", ["install", "--simulate", "--no-install-recommends", "--reinstall", ...[name, ...others].map((one) => `${one}=${version}-*`)], {
        encoding: "utf8",
      });
    let plan = simulate();
    if (plan.error !== undefined) throw new Error("it comes from Debian 12, and this system has no apt-get");
    if (plan.status !== 0 && process.getuid?.() === 0) {
      run("apt-get", ["update", "-qq"]);
      plan = simulate();
    }
    if (plan.status !== 0) throw new Error(`apt has no ${name} ${version}, which Debian 12 has: ${plan.stderr.trim()}`);
    const packages = [...plan.stdout.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(([, found, exact]) => `${found}=${exact}`);
    const target = join(dir, name);
    const cache = join(target, "packages");
    rmSync(target, { recursive: true, force: true });
    mkdirSync(cache, { recursive: true });
    // apt's own user may not write here; without root there is no such user.
    run("apt-get", ["download", "-qq", "-o", "APT::Sandbox::User=root", ...packages], { cwd: cache });
    for (const file of readdirSync(cache)) run("dpkg-deb", ["-x", join(cache, file), target]);
    rmSync(cache, { recursive: true });
  });
}

/** Prometheus is Debian 12's; its security updates change only what follows the hyphen. */
const prometheus = "2.42.0+ds";

/** The compiler for WebAssembly, with what it needs beside itself. */
const clang = "1:16.0.6";
const clangParts = ["lld-16", "libclang-common-16-dev", "libclang-cpp16", "libllvm16"];

/** debianTools are what tests need of Debian; the arguments are as in newGo. */
export function debianTools({ dir, run, once }) {
  return {
    prometheus: {
      what: "Prometheus, which scrapes the server's metrics; needs Debian 12",
      install: () => unpack("prometheus", prometheus, { dir, run, once }),
    },
    "clang-16": {
      what: "clang and lld, which make the engine's WebAssembly; needs Debian 12",
      install: () => unpack("clang-16", clang, { dir, run, once }, clangParts),
    },
  };
}

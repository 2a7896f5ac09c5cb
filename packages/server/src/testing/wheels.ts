import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Entry, zipOf } from "./packing.ts";

const venv = fileURLToPath(new URL("../../../../.tools/venv/bin/python", import.meta.url));

const asked = spawnSync(existsSync(venv) ? venv : "python3", ["-c", "import pip, sys; print(sys.executable)"], { encoding: "utf8" });

/** pipPython is the path of an interpreter with a pip, and pipMissing says what to do if there is none. */
export const pipPython: string = asked.stdout?.trim() ?? "";
export const pipMissing: string | false = process.platform === "linux" ? asked.status !== 0 && "needs pip, run npm run tools" : "is for Linux";

/** pipEnv is an environment in which pip knows of nothing but what is handed in. */
export function pipEnv(home: string, more: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: "/usr/bin:/bin", HOME: home, PIP_CONFIG_FILE: "/dev/null", PIP_RETRIES: "0", ...more };
}

/** WheelFile is a small wheel of Python's. */
export interface WheelFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const arch = process.arch === "arm64" ? "aarch64" : "x86_64";

/** libraryParts are the files of the library that `openvino` needs, named as in its wheel. */
export const libraryParts: readonly string[] = [
  "libopenvino_c.so.2641",
  "libopenvino.so.2641",
  "libopenvino_tensorflow_frontend.so.2641",
  "libopenvino_tensorflow_lite_frontend.so.2641",
  "libopenvino_intel_cpu_plugin.so",
  "libtbb.so.12",
];

/** openvinoWheel makes a wheel of that layout: what is needed, licences, and what is not needed. */
export async function openvinoWheel(
  version: string,
  { parts = libraryParts, platform = `manylinux_2_17_${arch}`, size = 1000 }: { parts?: readonly string[]; platform?: string; size?: number } = {},
): Promise<WheelFile> {
  const info = `openvino-${version}.dist-info`;
  const tag = `cp312-cp312-${platform}`;
  const entries: Entry[] = [
    { name: "openvino/__init__.py", bytes: "" },
    ...parts.map((part, i) => ({ name: `openvino/libs/${part}`, bytes: noise(size + i, i) })),
    { name: "openvino/libs/libopenvino_intel_gpu_plugin.so", bytes: noise(size, 99) },
    { name: `${info}/licenses/LICENSE`, bytes: "a licence" },
    { name: `${info}/licenses/other/LICENSE`, bytes: "another licence" },
    { name: "openvino/include/other/LICENSE", bytes: "of something that is not kept" },
    { name: `${info}/licenses/licensing/onetbb_third-party-programs.txt`, bytes: "notices" },
    { name: `${info}/METADATA`, bytes: `Metadata-Version: 2.1\nName: openvino\nVersion: ${version}\n` },
    { name: `${info}/WHEEL`, bytes: `Wheel-Version: 1.0\nGenerator: tfs\nRoot-Is-Purelib: false\nTag: ${tag}\n` },
    { name: `${info}/RECORD`, bytes: "" },
  ];
  return { name: `openvino-${version}-${tag}.whl`, bytes: await zipOf(entries) };
}

/** noise gives bytes that do not compress, the same each time. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed + 1;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24);
}

/** PythonIndex is a package index on this machine (PEP 503). */
export interface PythonIndex extends AsyncDisposable {
  readonly url: string;
  /** downloads counts how often each wheel was asked for. */
  readonly downloads: ReadonlyMap<string, number>;
  /** stalled resolves when somebody waits for the rest of a wheel. */
  readonly stalled: Promise<void>;
  /** flow has wheels come whole from now on. */
  flow(): void;
}

export interface IndexOptions {
  /** sha256 gives what it says of a wheel; default what is right; undefined says nothing. */
  readonly sha256?: (wheel: WheelFile) => string | undefined;
  /** stalls has it send half of a wheel, and then nothing. */
  readonly stalls?: boolean;
  /** status is what it answers to whatever is asked. */
  readonly status?: number;
}

export async function startIndex(wheels: readonly WheelFile[], { sha256 = sha256Of, stalls = false, status }: IndexOptions = {}): Promise<PythonIndex> {
  const downloads = new Map<string, number>();
  let stalling = stalls;
  let reached = (): void => {};
  const stalled = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!);
    if (status !== undefined) return void response.writeHead(status).end();
    if (path === "/simple/openvino/") {
      const links = wheels.map((wheel) => {
        const hash = sha256(wheel);
        return `<a href="/files/${wheel.name}${hash === undefined ? "" : `#sha256=${hash}`}">${wheel.name}</a>`;
      });
      return void response.writeHead(200, { "content-type": "text/html" }).end(`<!DOCTYPE html><html><body>${links.join("\n")}</body></html>`);
    }
    const wheel = wheels.find(({ name }) => path === `/files/${name}`);
    if (wheel === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": wheel.bytes.byteLength });
    if (request.method === "HEAD") return void response.end();
    downloads.set(wheel.name, (downloads.get(wheel.name) ?? 0) + 1);
    if (!stalling) return void response.end(wheel.bytes);
    response.write(wheel.bytes.subarray(0, wheel.bytes.byteLength / 2));
    reached();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`,
    downloads,
    stalled,
    flow: () => {
      stalling = false;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sha256Of({ bytes }: WheelFile): string {
  return createHash("sha256").update(bytes).digest("hex");
}

// Where the programs of the benchmark lie: `npm run tools -- bench` puts them there.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
const tools = join(root, ".tools");

/** certificates are the tests' own, for localhost: whoever speaks TLS in a shape shows this one and believes this authority. */
export const certificates = {
  ca: join(root, "packages/rpc/testdata/tls/ca.pem"),
  cert: join(root, "packages/rpc/testdata/tls/server.pem"),
  key: join(root, "packages/rpc/testdata/tls/server.key.pem"),
} as const;

/** Paths of programs that are not ours. */
export const paths = {
  load: join(tools, "bench-go/load"),
  backend: join(tools, "bench-go/backend"),
  forward: join(tools, "bench-go/forward"),
  rest: join(tools, "bench-go/rest"),
  relay: join(tools, "bench-go/relay"),
  envoy: join(tools, "envoy/envoy/_bin/envoy"),
  nginx: join(tools, "nginx/usr/sbin/nginx"),
  haproxy: join(tools, "haproxy/usr/sbin/haproxy"),
} as const;

/** librariesOf is where an unpacked Debian package keeps libraries that the host may lack. */
export function librariesOf(name: "nginx" | "haproxy"): NodeJS.ProcessEnv {
  const triple = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  return { LD_LIBRARY_PATH: [join(tools, name, "usr/lib", triple), join(tools, name, "lib", triple)].join(":") };
}

/** missing names the programs that are not installed. */
export function missing(names: readonly (keyof typeof paths)[]): string[] {
  return names.filter((name) => !existsSync(paths[name]));
}

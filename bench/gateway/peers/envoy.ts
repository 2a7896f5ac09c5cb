import { certificates, paths } from "../tools.ts";
import type { Protocol } from "../protocols.ts";
import { type Peer, render } from "./peer.ts";

/** What turns other protocols into gRPC: a filter by name and type. */
const filters: Partial<Record<Protocol, readonly [name: string, type: string]>> = {
  "grpc-web": ["envoy.filters.http.grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"],
  connect: ["envoy.filters.http.connect_grpc_bridge", "envoy.extensions.filters.http.connect_grpc_bridge.v3.FilterConfig"],
};

/** TLS of one side (extensions.transport_sockets.tls.v3). */
const alpn = "alpn_protocols: [h2]";
const file = (name: string): string => `{ filename: "${name}" }`;
function socket(side: "Upstream" | "Downstream", common: string, more = ""): string {
  const type = `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`;
  return `transport_socket: { name: envoy.transport_sockets.tls, typed_config: { "@type": ${type}, common_tls_context: { ${common} }${more} } }`;
}

export const envoy: Peer = {
  name: "envoy",
  title: "Envoy 1.40",
  needs: "envoy",
  command({ port, backends, workers, protocol, tls, dir }) {
    const endpoints = backends.map((backend) => {
      const [address, backendPort] = backend.split(":");
      return `            - endpoint: { address: { socket_address: { address: ${address}, port_value: ${backendPort} } } }`;
    });
    const filter = filters[protocol];
    const indent = " ".repeat(18);
    const translation = filter === undefined ? "" : `${indent}- { name: ${filter[0]}, typed_config: { "@type": type.googleapis.com/${filter[1]} } }`;
    const config = render("envoy.yaml.in", dir, {
      PORT: port,
      CODEC: protocol === "grpc" ? "HTTP2" : "HTTP1",
      TRANSLATION: translation,
      ENDPOINTS: endpoints.join("\n"),
      FRONT:
        tls === undefined
          ? ""
          : `          ${socket("Downstream", `${alpn}, tls_certificates: [{ certificate_chain: ${file(certificates.cert)}, private_key: ${file(certificates.key)} }]`)}`,
      BACK: tls === "both" ? `      ${socket("Upstream", `${alpn}, validation_context: { trusted_ca: ${file(certificates.ca)} }`, ", sni: localhost")}` : "",
    });
    // Hot restart is a shared-memory region that benchmarks have no use for; logging is errors only.
    return { command: [paths.envoy, "--concurrency", `${workers}`, "--config-path", config, "--log-level", "error", "--disable-hot-restart"] };
  },
};

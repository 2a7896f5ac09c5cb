// The outside suites that measure the gateway. One folder a tool: two of them install a program called `server`.
import { fileURLToPath } from "node:url";

const grpc = "v1.85.0";
const connect = "v1.0.7";
const h2spec = "v2.2.1";
const grpcurl = "v1.9.3";
const healthProbe = "v0.4.40";
const connectPrograms = ["connectconformance", "referenceserver"];

/** conformanceTools are the tools of the conformance suites, built by `go`. */
export function conformanceTools(go) {
  return {
    h2spec: {
      what: "HTTP/2 conformance cases (summerwind/h2spec)",
      // It has no go.mod of its own: what it is built with is pinned in ours.
      install: () => go.install("h2spec", h2spec, ["tool"], { cwd: fileURLToPath(new URL("h2spec", import.meta.url)) }),
    },
    "grpc-interop": {
      what: "grpc-go's interop client and server",
      install: () =>
        go.install(
          "grpc-interop",
          grpc,
          ["client", "server"].map((name) => `google.golang.org/grpc/interop/${name}@${grpc}`),
        ),
    },
    grpcurl: {
      what: "a gRPC client that knows nothing but what reflection tells (fullstorydev/grpcurl)",
      install: () => go.install("grpcurl", grpcurl, [`github.com/fullstorydev/grpcurl/cmd/grpcurl@${grpcurl}`]),
    },
    "grpc-health-probe": {
      what: "the health client of Kubernetes probes (grpc-ecosystem/grpc-health-probe)",
      install: () => go.install("grpc-health-probe", healthProbe, [`github.com/grpc-ecosystem/grpc-health-probe@${healthProbe}`]),
    },
    connectconformance: {
      what: "conformance suite of gRPC, gRPC-Web and Connect, with its reference server",
      install: () =>
        go.install(
          "connectconformance",
          connect,
          connectPrograms.map((name) => `connectrpc.com/conformance/cmd/${name}@${connect}`),
        ),
    },
  };
}

import { paths } from "../tools.ts";
import { type Peer, render } from "./peer.ts";

export const envoy: Peer = {
  name: "envoy",
  title: "Envoy 1.40",
  needs: "envoy",
  command({ port, backends, workers, dir }) {
    const endpoints = backends.map((backend) => {
      const [address, backendPort] = backend.split(":");
      return `            - endpoint: { address: { socket_address: { address: ${address}, port_value: ${backendPort} } } }`;
    });
    const config = render("envoy.yaml.in", dir, { PORT: port, ENDPOINTS: endpoints.join("\n") });
    // Hot restart is a shared-memory region that benchmarks have no use for; logging is errors only.
    return { command: [paths.envoy, "--concurrency", `${workers}`, "--config-path", config, "--log-level", "error", "--disable-hot-restart"] };
  },
};

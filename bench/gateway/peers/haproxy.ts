import { librariesOf, paths } from "../tools.ts";
import { filesMax, type Peer, render } from "./peer.ts";

/** HAProxy wants two descriptors a connection, and some for itself. */
const connectionsMax = 9_000;

export const haproxy: Peer = {
  name: "haproxy",
  title: "HAProxy 2.6",
  needs: "haproxy",
  command({ port, backends, workers, dir }) {
    const config = render("haproxy.cfg", dir, {
      PORT: port,
      WORKERS: workers,
      CONNECTIONS: Math.min(connectionsMax, Math.floor((filesMax() - 200) / 2)),
      SERVERS: backends.map((backend, i) => `  server s${i} ${backend} proto h2`).join("\n"),
    });
    return { command: [paths.haproxy, "-db", "-f", config], env: librariesOf("haproxy") };
  },
};

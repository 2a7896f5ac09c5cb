import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificates, librariesOf, paths } from "../tools.ts";
import { filesMax, type Peer, render } from "./peer.ts";

/** HAProxy wants two descriptors a connection, and some for itself. */
const connectionsMax = 9_000;

export const haproxy: Peer = {
  name: "haproxy",
  title: "HAProxy 2.6",
  needs: "haproxy",
  command({ port, backends, workers, tls, dir }) {
    const pair = join(dir, "pair.pem");
    if (tls !== undefined) writeFileSync(pair, readFileSync(certificates.cert, "utf8") + readFileSync(certificates.key, "utf8"));
    const back = tls === "both" ? `ssl verify required ca-file ${certificates.ca} verifyhost localhost alpn h2` : "proto h2";
    const config = render("haproxy.cfg", dir, {
      PORT: port,
      WORKERS: workers,
      CONNECTIONS: Math.min(connectionsMax, Math.floor((filesMax() - 200) / 2)),
      SPOKEN: tls === undefined ? "proto h2" : `ssl crt ${pair} alpn h2`,
      SERVERS: backends.map((backend, i) => `  server s${i} ${backend} ${back}`).join("\n"),
    });
    return { command: [paths.haproxy, "-db", "-f", config], env: librariesOf("haproxy") };
  },
};

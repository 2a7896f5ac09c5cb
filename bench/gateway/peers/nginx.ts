import { librariesOf, paths } from "../tools.ts";
import { filesMax, type Peer, render } from "./peer.ts";

export const nginx: Peer = {
  name: "nginx",
  title: "nginx 1.22",
  needs: "nginx",
  command({ port, backends, workers, dir }) {
    const files = filesMax();
    const config = render("nginx.conf", dir, {
      PORT: port,
      WORKERS: workers,
      // A worker of root's would become another user, who may not write here. Without root the line is ignored.
      USER: "root",
      FILES: files,
      CONNECTIONS: files - 100,
      SERVERS: backends.map((backend) => `    server ${backend};`).join("\n"),
    });
    return { command: [paths.nginx, "-e", "stderr", "-p", dir, "-c", config], env: librariesOf("nginx") };
  },
};

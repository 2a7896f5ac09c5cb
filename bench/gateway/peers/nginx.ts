import { certificates, librariesOf, paths } from "../tools.ts";
import { filesMax, type Peer, render } from "./peer.ts";

export const nginx: Peer = {
  name: "nginx",
  title: "nginx 1.22",
  needs: "nginx",
  command({ port, backends, workers, tls, dir }) {
    const files = filesMax();
    const config = render("nginx.conf", dir, {
      PORT: port,
      WORKERS: workers,
      // A worker of root's would become another user, who may not write here. Without root the line is ignored.
      USER: "root",
      FILES: files,
      CONNECTIONS: files - 100,
      SSL: tls === undefined ? "" : " ssl",
      CERTIFICATE: tls === undefined ? "" : `    ssl_certificate ${certificates.cert};\n    ssl_certificate_key ${certificates.key};`,
      SCHEME: tls === "both" ? "grpcs" : "grpc",
      BELIEF: tls === "both" ? `      grpc_ssl_verify on;\n      grpc_ssl_trusted_certificate ${certificates.ca};\n      grpc_ssl_name localhost;` : "",
      SERVERS: backends.map((backend) => `    server ${backend};`).join("\n"),
    });
    return { command: [paths.nginx, "-e", "stderr", "-p", dir, "-c", config], env: librariesOf("nginx") };
  },
};

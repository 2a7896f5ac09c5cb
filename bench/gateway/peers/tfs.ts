import { join } from "node:path";
import { certificates, root } from "../tools.ts";
import type { Peer } from "./peer.ts";

/** tfs is the gateway as it is shipped; its only settings are the ones that every peer has. */
export const tfs: Peer = {
  name: "tfs",
  title: "tfs gateway",
  needs: undefined,
  command({ port, backends, workers, tls }) {
    const front = tls === undefined ? [] : [`--tls_cert=${certificates.cert}`, `--tls_key=${certificates.key}`];
    const back = tls === "both" ? ["--backend_tls", `--backend_ca=${certificates.ca}`, "--backend_server_name=localhost"] : [];
    const bin = join(root, "packages/gateway/bin/tfs-gateway.js");
    return {
      command: [
        ...[process.execPath, bin, `--port=${port}`, "--host=127.0.0.1", `--backends=${backends.join(",")}`, `--workers=${workers}`, "--log_level=warn"],
        ...[...front, ...back],
      ],
    };
  },
};

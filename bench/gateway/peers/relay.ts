import { paths } from "../tools.ts";
import type { Peer } from "./peer.ts";

/** relay is no proxy but the floor under all of them: it passes bytes on and looks at none. Its source is ../../go/relay. */
export const relay: Peer = {
  name: "relay",
  title: "bytes passed on unseen (the floor)",
  needs: "relay",
  command: ({ port, backends }) => ({ command: [paths.relay, `-listen=127.0.0.1:${port}`, `-backend=${backends[0]}`] }),
};

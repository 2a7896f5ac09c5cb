import { envoy } from "./envoy.ts";
import { gin, go, goShared } from "./go.ts";
import { haproxy } from "./haproxy.ts";
import { nginx } from "./nginx.ts";
import type { Peer } from "./peer.ts";
import { relay } from "./relay.ts";
import { tfs } from "./tfs.ts";

export type { Peer, Setting } from "./peer.ts";

/** peers are all proxies of the comparison, ours first, and the floor. */
export const peers: readonly Peer[] = [tfs, envoy, nginx, haproxy, go, goShared, gin, relay];

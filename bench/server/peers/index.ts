import { grpcio } from "./grpcio.ts";
import { mlserver } from "./mlserver.ts";
import type { Peer } from "./peer.ts";
import { tfs } from "./tfs.ts";
import { triton } from "./triton.ts";

export type { Dialect, Numbers } from "./dialect.ts";
export { modelsDir, type Hosted, type Peer } from "./peer.ts";

/** peers are all, ours first. */
export const peers: readonly Peer[] = [tfs, triton, mlserver, grpcio];

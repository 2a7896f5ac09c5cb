/**
 * Package testing starts gateways on loopback and looks at what they say with a client that is not ours.
 *
 *     await using gateway = await startGateway([backend.address]);
 *     const { trailers } = await exchange(gateway.address, grpcHeaders("/s/M"), frameMessage(bytes));
 *
 * @module
 */
export type { Exchanged } from "./exchange.ts";
export { exchange, grpcHeaders } from "./exchange.ts";
export type { Program } from "@tfs/rpc/testing";
export { freePort, missing, root, run, start, tool } from "@tfs/rpc/testing";
export type { Started } from "./start.ts";
export { startGateway, turn, untilReady } from "./start.ts";
export { linuxOnly, peakBytes, pour, survives } from "./flood.ts";
export type { Conditions, Guarded } from "./guard.ts";
export { growthBytes, guard, hold, knownFailures, neighbourCalls, newPatience } from "./guard.ts";
export { attackFields, attackPath, openStream, streamId } from "./hostile.ts";
export type { Neighbour } from "./neighbour.ts";
export { newNeighbour } from "./neighbour.ts";
export type { Front } from "./front.ts";
export { startFront } from "./front.ts";
export type { Case } from "./report.ts";
export { parseReport } from "./report.ts";

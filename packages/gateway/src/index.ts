/**
 * Package gateway stands in front of a fleet of model servers: gRPC, gRPC-Web, Connect and REST in on one port, gRPC out to the backend with the fewest calls in flight.
 * The command is `tfs-gateway`; this is the same gateway as a library.
 *
 *     await using gateway = newGateway({ backends: ["localhost:8500"], port: 0 }, { clock: systemClock(), logger });
 *     const address = await gateway.listen(background());
 *     await gateway.drain(10_000);
 *
 * @module
 */
export type { Config } from "./config/index.ts";
export { defaults } from "./config/index.ts";
export type { Gateway, GatewayOptions } from "./gateway.ts";
export { newGateway } from "./gateway.ts";

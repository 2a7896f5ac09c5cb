/**
 * Package listen takes requests off the port and sends each to the room that answers it, told apart by protocol, content type and path.
 *
 *     const listener = newListener({ onExchange: newHandler({ backends, bridge, … }), clock, logger });
 *
 * @module
 */
export type { HandlerOptions } from "./handlers.ts";
export { newHandler } from "./handlers.ts";
export type { Place } from "./places.ts";
export { placesOf } from "./places.ts";

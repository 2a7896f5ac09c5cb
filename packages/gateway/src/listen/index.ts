/**
 * Package listen takes requests off the port and sends each to the room that answers it, told apart by protocol, content type and path.
 *
 *     const listener = newListener({ ...newHandlers({ backends, bridge, … }), clock, logger });
 *
 * @module
 */
export type { HandlerOptions, Handlers } from "./handlers.ts";
export { newHandlers } from "./handlers.ts";

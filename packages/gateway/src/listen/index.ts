/**
 * Package listen takes requests off the port and sends each to the room that answers it, told apart by protocol, content type and path.
 *
 * @module
 */
export type { Handlers, HandlerOptions } from "./handlers.ts";
export { newHandlers } from "./handlers.ts";

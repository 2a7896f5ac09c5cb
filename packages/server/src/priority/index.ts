/**
 * Package priority is how a request says that others may go first, and how that is known where it runs.
 *
 * @module
 */
export { isLow, priorityField, saysLow, withPriority } from "./priority.ts";

/**
 * Package peek reads from the first bytes of a request which model it is for, without decoding it: a request carries its model_spec in front of, beside or behind
 * tensors that may be large.
 *
 *     const peeker = newPeeker(shapeOf(path), (spec) => labelOf(spec?.name));
 *     const label = peeker.look(buffer, start, end); // undefined: not enough of the message has come
 *
 * @module
 */
export type { Peeked, Shape, Spec } from "./peek.ts";
export { headBytes, peek } from "./peek.ts";
export type { Peeker } from "./peeker.ts";
export { newPeeker } from "./peeker.ts";
export { shapeOf } from "./shape.ts";

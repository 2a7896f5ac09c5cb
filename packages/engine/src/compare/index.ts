/**
 * Package compare says whether outputs are those of a reference, and which of several models is the quickest.
 *
 *     const why = difference("y:0", want, got); // undefined if they agree
 *     const [a, b] = await measure(ctx, models, trials, { clock, untilMs: clock.now() + 1000 });
 *
 * @module
 */
export type { DifferenceOptions } from "./agree.ts";
export { difference } from "./agree.ts";
export type { Measured, MeasureOptions } from "./measure.ts";
export { measure } from "./measure.ts";

/**
 * Package std/testing is what tests hand in instead of the real thing.
 *
 *     const clock = fakeClock();
 *     clock.after(10, () => console.log("due"));
 *     await clock.advance(10);
 *
 * @module
 */
export type { FakeClock } from "./clock.ts";
export { fakeClock } from "./clock.ts";

/**
 * Package testing attempts on engines, in processes of their own, what nobody should: mutated requests and models, many calls, ways to end.
 *
 * @module
 */
export type { AttemptOptions, Attempts, Ended } from "./attempts.ts";
export { attempt } from "./attempts.ts";
export type { ModelsOptions } from "./fuzz.ts";
export { fuzzModels, fuzzRequests } from "./fuzz.ts";
export { end, growth } from "./lives.ts";
export { models } from "./models.ts";
export type { LivesOptions } from "./suite.ts";
export { describeLives } from "./suite.ts";

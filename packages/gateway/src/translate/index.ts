/**
 * Package translate serves gRPC-Web and Connect calls by gRPC calls to the fleet: any method with protobuf messages, and those of known descriptors with JSON too.
 *
 *     const plan = planOf(exchange.fields, dialect, schema); // the same for the same fields
 *     translate(exchange, plan, { backends, clock, deadlines, … });
 *
 * @module
 */
export type { Plan } from "./plan.ts";
export { planOf } from "./plan.ts";
export type { TranslateOptions } from "./translate.ts";
export { translate } from "./translate.ts";

/**
 * Package admission says which calls are taken and when each may run. It knows counts and time; it knows nothing of models or bytes.
 *
 *     const admission = newAdmission({ clock, metrics, defer: setImmediate, maxCalls, full });
 *     const refusal = admission.refuse(low); // as soon as a call has begun; undefined: it is taken
 *     const answer = await admission.run(ctx, low, () => work());
 *
 * Calls run in the order in which they came. As long as they are answered in time all are taken, however many wait. When a good part of them waits past its deadline
 * the server is overloaded: then the line is kept so short that what is taken is answered at once, and all others are told so at once, until there are none.
 *
 * @module
 */
export type { Admission, AdmissionOptions } from "./admission.ts";
export { defaultMaxCalls, newAdmission } from "./admission.ts";

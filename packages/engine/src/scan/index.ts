/**
 * Package scan says what a SavedModel needs before it is served: its ops, which engines have them, and about how much memory and arithmetic.
 *
 *     const { missing, engines } = await scan(ctx, "models/digits/1");
 *
 * @module
 */
export type { Cost, Scan, ScanOptions, Verdict } from "./scan.ts";
export { scan } from "./scan.ts";

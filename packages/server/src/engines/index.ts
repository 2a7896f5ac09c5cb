/**
 * Package engines is what `tfs-server engine …` does: tell which engines can run here, and bring the libraries of those that cannot.
 *
 *     const status = await engineCommand(argv.slice(1), { env, stdin, stdout, stderr, clock, stopped });
 *
 * @module
 */
export type { Surroundings } from "./command.ts";
export { engineCommand } from "./command.ts";

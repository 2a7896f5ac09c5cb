/**
 * Package scan is what `tfs-server scan DIR` does: it tells what a SavedModel needs, and which engines could run it.
 *
 *     const status = await scanCommand(ctx, ["models/digits/1"], { stdout, stderr });
 *
 * @module
 */
export { scanCommand } from "./command.ts";

// The process of one model's engine, `tfs-server engine-child`, which a server starts that was told --engine_isolation=process. It takes the server's flags.
import { serveEngine } from "@tfs/engine";
import { messageOf } from "@tfs/std";
import { engineOf } from "../engine.ts";
import { readFlags } from "../flags/index.ts";

try {
  const options = readFlags(process.argv.slice(3));
  await serveEngine(engineOf(options.string("engine")));
  process.exit(0);
} catch (err) {
  process.stderr.write(`tfs-server engine-child: ${messageOf(err)}\n`, () => process.exit(1));
}

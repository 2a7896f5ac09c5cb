// The process of one model's engine, `tfs-server engine-child`, which a server starts that was told --engine_isolation=process. It takes the server's flags.
import { serveEngine } from "@tfs/engine/all";
import { messageOf, newLogger, systemClock } from "@tfs/std";
import { sessionConfig } from "../config/index.ts";
import { readFlags, runtimeTuning } from "../flags/index.ts";
import { engineNamed, newEngines } from "../runtime/index.ts";

try {
  const options = readFlags(process.argv.slice(3));
  const clock = systemClock();
  const logger = newLogger({ write: (line) => void process.stderr.write(`${line}\n`), clock });
  const engines = newEngines({ ...runtimeTuning(options, process.env, await sessionConfig(options)), clock, logger });
  const name = options.string("engine");
  await serveEngine(engines(name === "tflite" ? name : engineNamed(name))); // that one nobody asks for but a server
  process.exit(0);
} catch (err) {
  process.stderr.write(`tfs-server engine-child: ${messageOf(err)}\n`, () => process.exit(1));
}

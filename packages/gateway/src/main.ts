// The only file that reads argv. It reads like a parts list.
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { background, Code, type Level, messageOf, newError, newLogger, parseFlags, systemClock, usage } from "@tfs/std";
import { configOf, flags, headline, parseConfigFile } from "./config/index.ts";
import { newGateway } from "./gateway.ts";
import { runWorkers } from "./workers.ts";

async function main(argv: readonly string[]): Promise<number> {
  const options = parseFlags(flags, argv);
  if (options.bool("help")) {
    process.stdout.write(usage(headline, flags));
    return 0;
  }
  if (options.bool("version")) {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
    process.stdout.write(`tfs-gateway ${version}\n`);
    return 0;
  }
  const oneOf = <T extends string>(name: string, values: readonly T[]): T => {
    const found = values.find((v) => v === options.string(name));
    if (found === undefined) throw newError(Code.InvalidArgument, `--${name}=${options.string(name)}: expected one of ${values.join(", ")}`);
    return found;
  };
  const clock = systemClock();
  const level = oneOf<Level>("log_level", ["debug", "info", "warn", "error"]);
  const logger = newLogger({ write: (line) => void process.stderr.write(`${line}\n`), clock, level, format: oneOf("log_format", ["text", "json"]) });
  const file = options.string("config");
  const config = configOf(options, file === "" ? undefined : parseConfigFile(await read(file), file));

  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  if (cluster.isPrimary && config.workers > 1) {
    await runWorkers(config.workers, stopped, { clock, logger });
    return 0;
  }
  const gateway = newGateway(config, { clock, logger, random: Math.random });
  const address = await gateway.listen(background());
  logger.info("listening", { address, backends: config.backends, pid: process.pid });
  const signal = await stopped;
  logger.info("draining", { signal, ms: config.drainMs });
  await gateway.drain(config.drainMs);
  logger.info("stopped");
  return 0;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (err) {
    throw newError(Code.NotFound, `${file}: ${messageOf(err)}`, err);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
  if (cluster.isWorker) process.disconnect();
} catch (err) {
  process.stderr.write(`tfs-gateway: ${messageOf(err)}\n`);
  process.exitCode = 1;
  if (cluster.isWorker) process.disconnect();
}

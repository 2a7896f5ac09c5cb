// The only file that reads argv. It reads like a parts list.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { formatAddress } from "@tfs/rpc";
import {
  background,
  Code,
  canceled,
  type Ctx,
  done,
  type Flags,
  type Level,
  messageOf,
  newError,
  newLogger,
  parseFlags,
  systemClock,
  usage,
  withCancel,
} from "@tfs/std";
import { type Config, configOf, flags, headline, parseConfigFile } from "./config/index.ts";
import { type GatewayOptions, newGateway } from "./gateway.ts";
import { type Admin, newAdmin, placesOf } from "./listen/index.ts";
import { isWorker, type Report, runWorkers, serveConnections } from "./workers/index.ts";

async function main(argv: readonly string[]): Promise<void> {
  const given = parseFlags(flags, argv);
  if (given.bool("help")) return void process.stdout.write(usage(headline, flags));
  if (given.bool("version")) return void process.stdout.write(`tfs-gateway ${version()}\n`);

  const clock = systemClock();
  const level = oneOf<Level>(given, "log_level", ["debug", "info", "warn", "error"]);
  const format = oneOf(given, "log_format", ["text", "json"] as const);
  const logger = newLogger({ write: (line) => void process.stderr.write(`${line}\n`), clock, level, format });
  const config = configOf(given, await configFile(given.string("config")));

  using ctx = withCancel(background());
  const worker = isWorker(process.env);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (worker || ctx.signal.aborted) return; // a worker ends when its primary says so: the same signal may have gone to all of a group
      logger.info("draining", { signal, ms: config.drainMs });
      ctx.cancel();
    });
  }
  if (worker) {
    onHangup(config, () => {}); // its primary says so here too
    return await work(ctx, config, { clock, logger });
  }
  if (config.workers === 1) await serve(ctx, config, { clock, logger });
  else await lead(ctx, config, { clock, logger }, argv);
  logger.info("stopped");
}

/** announce prints the one line on standard output that a program can wait for. */
function announce(address: string): void {
  process.stdout.write(`${JSON.stringify({ event: "listening", address, pid: process.pid })}\n`);
}

/** openAdmin opens the admin port if there is to be one. */
async function openAdmin(ctx: Ctx, config: Config, options: GatewayOptions, report: () => Promise<Report>): Promise<Admin | undefined> {
  const { adminHost, adminPort } = config;
  if (adminPort === 0) return undefined;
  const admin = newAdmin({ ...options, report });
  const address = await admin.listen(ctx, adminHost === "" ? { port: adminPort } : { port: adminPort, host: adminHost });
  options.logger.info("admin listening", { address: formatAddress(address) });
  return admin;
}

/** onHangup has SIGHUP, which would end the process, read certificates again if there are some. */
function onHangup({ tls, backendTls }: Config, look: () => void): void {
  if (tls !== undefined || backendTls !== undefined) process.on("SIGHUP", look);
}

/** serve runs one gateway until ctx ends, and drains it. */
async function serve(ctx: Ctx, config: Config, options: GatewayOptions): Promise<void> {
  await using gateway = newGateway(config, options);
  onHangup(config, () => gateway.look());
  await using _ = await openAdmin(ctx, config, options, async () => gateway.report());
  let address: string;
  try {
    address = await gateway.listen(ctx);
  } catch (err) {
    if (err === canceled) return; // told to stop before there was anything to drain
    throw err;
  }
  options.logger.info("listening", { address, backends: config.backends.join(","), pid: process.pid });
  announce(address);
  await done(ctx);
  await gateway.drain(config.drainMs);
}

/** lead listens, and keeps workers that serve. */
async function lead(ctx: Ctx, config: Config, options: GatewayOptions, argv: readonly string[]): Promise<void> {
  const { workers, drainMs } = config;
  let report = async (): Promise<Report> => ({ ready: false, families: [] }); // until there are workers to ask
  await using _ = await openAdmin(ctx, config, options, () => report());
  const running = runWorkers(ctx, {
    ...options,
    count: workers,
    addresses: placesOf(config).map(({ address }) => address),
    program: fileURLToPath(import.meta.url),
    args: argv,
    env: process.env,
    drainMs,
    onHangup: (look) => onHangup(config, look),
    onListening([first], ask) {
      report = ask;
      const address = formatAddress(first!); // there is a port or a socket
      options.logger.info("listening", { address, backends: config.backends.join(","), pid: process.pid });
      announce(address);
    },
  });
  await running.catch((err: unknown) => {
    if (err !== canceled) throw err; // told to stop before it listened
  });
}

/** work runs one of several gateways, on the connections that its primary accepts. */
async function work(ctx: Ctx, config: Config, options: GatewayOptions): Promise<void> {
  try {
    await using gateway = newGateway(config, options);
    gateway.open();
    await serveConnections(ctx, gateway);
    await gateway.drain(config.drainMs);
  } finally {
    if (process.connected) process.disconnect(); // which would keep this process alive
  }
}

async function configFile(file: string): Promise<ReturnType<typeof parseConfigFile> | undefined> {
  if (file === "") return undefined;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (err) {
    throw newError(Code.NotFound, `--config: ${messageOf(err)}`, err);
  }
  return parseConfigFile(text, file);
}

function oneOf<T extends string>(given: Flags, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === given.string(name));
  if (found === undefined) throw newError(Code.InvalidArgument, `--${name}=${given.string(name)}: expected one of ${values.join(", ")}`);
  return found;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string };
  return manifest.version;
}

try {
  await main(process.argv.slice(2));
} catch (err) {
  process.stderr.write(`tfs-gateway: ${messageOf(err)}\n`);
  process.exitCode = 1;
}

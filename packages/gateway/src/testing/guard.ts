import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Http2Server, type ServerHttp2Stream, type ServerOptions } from "node:http2";
import type { TestContext } from "node:test";
import { echo, startBackend } from "@tfs/rpc/testing";
import { peakBytes } from "./flood.ts";
import { type Front, startFront } from "./front.ts";
import { attackPath } from "./hostile.ts";
import { newNeighbour } from "./neighbour.ts";

/** Peak memory may grow by this under one hostile connection: garbage not yet collected, and what the limits let it hold. */
export const growthBytes: number = 96 << 20;
/** A neighbour makes so many calls before an attack and after it, while its traces are still there, besides those meanwhile. */
export const neighbourCalls = 50;
/** Without these, node:http2 refuses streams past 10 MiB of unsent answers, and cuts a connection after a thousand resets. */
const tolerant: ServerOptions = { maxSessionMemory: 4096, streamResetBurst: 1_000_000, streamResetRate: 1_000_000 };

/** No attack and no call may take longer: what hangs is a failure with a name. */
const patienceMs = 40_000;

/** Guarded is what an attack is made on. */
export interface Guarded {
  readonly front: Front;
  /** calls is how many calls of the attacker have reached the backend. */
  readonly calls: () => number;
  /** over tells whether the attack is to end, since it took too long. */
  readonly over: () => boolean;
}

export interface Conditions {
  /** serve answers the attacker's calls; the default is never to answer. */
  readonly serve?: (stream: ServerHttp2Stream) => void;
  /** server is the backend's; the default is one that bears everything. */
  readonly server?: Http2Server;
  /** growthBytes is by how much peak memory may grow. */
  readonly growthBytes: number;
}

/** guard lets `attack` loose on a fresh gateway, and throws when that ends, takes more than growthBytes or lets a neighbour wait. */
export async function guard(options: Conditions, attack: (guarded: Guarded) => Promise<string>): Promise<string> {
  let calls = 0;
  const { server = createServer(tolerant), growthBytes } = options;
  await using backend = await startBackend(
    (stream, headers) => {
      if (headers[":path"] !== attackPath) return echo(stream);
      calls++;
      options.serve?.(stream);
    },
    { server },
  );
  await using front = await startFront(backend.address, "--log_level=error");
  using neighbour = newNeighbour(front);
  await neighbour.calls(neighbourCalls);
  const pid = front.program.process.pid!;
  const before = peakBytes(pid);
  using patience = newPatience(patienceMs);
  let over = false;
  const attacking = attack({ front, calls: () => calls, over: () => over }).finally(() => {
    over = true;
  });
  const living = (async () => {
    while (!over) await neighbour.calls(1);
    await neighbour.calls(neighbourCalls);
  })();
  const said = await Promise.race([Promise.all([attacking, living]), patience.over]);
  over = true;
  if (said === false) assert.fail(`not over after ${patienceMs} ms: ${calls} calls reached the backend`);
  assert.equal(front.program.process.exitCode, null, "the gateway ended");
  const grown = peakBytes(pid) - before;
  assert.ok(grown <= growthBytes, `memory grew by ${megabytes(grown)}`);
  return `${said[0]}, ${calls} calls passed on, memory +${megabytes(grown)}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** newPatience runs out after `ms`; disposed, it lets go of its timer. */
export function newPatience(ms: number): Disposable & { readonly over: Promise<false> } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return { over, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** knownFailures reads a list of what the gateway is known not to withstand, with the reasons. Throws on a name that is not one of `names`. */
export function knownFailures(file: string, names: readonly string[]): Readonly<Record<string, string>> {
  const known = JSON.parse(readFileSync(new URL(`../../testdata/conformance/${file}`, import.meta.url), "utf8")) as Readonly<Record<string, string>>;
  for (const name of Object.keys(known)) if (!names.includes(name)) throw new Error(`${file}: there is no case ${name}`);
  return known;
}

/** hold runs `check`, which must throw an AssertionError exactly if a reason is known for that. */
export async function hold(t: TestContext, name: string, why: string | undefined, check: () => Promise<string>): Promise<void> {
  if (why === undefined) return t.diagnostic(`measured: ${name}: ${await check()}`);
  await assert.rejects(check(), assert.AssertionError, `holds now: take it off the list of known failures (${why})`);
  t.diagnostic(`measured: ${name}: known to fail: ${why}`);
}

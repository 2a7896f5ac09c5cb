// Engines in processes of their own that are killed, crash, hang, or say what nobody understands.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { background, type Clock, Code, codeOf, newError, systemClock, withCancel, withTimeout } from "@tfs/std";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { describeEngine } from "../conformance/index.ts";
import type { Engine, LoadedModel } from "../engine.ts";
import { type IsolatedOptions, newIsolatedEngine } from "./index.ts";
import { child } from "./testing/child.ts";
import { type Events, newEvents } from "./testing/events.ts";

const main = await child();
const parent = fileURLToPath(new URL("testing/parent/main.js", import.meta.url));
const models = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
const half = join(models, "half_plus_two/1");
const ctx = background();
const scratch = mkdtempSync(join(tmpdir(), "tfs-isolation-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

// All models' answers are the conformance suite's (npm run conformance): a process for each case takes its time.
const few = join(scratch, "models");
for (const model of ["counter", "dtype_string", "half_plus_two", "mlp", "multi_metagraph"]) cpSync(join(models, model), join(few, model), { recursive: true });
describeEngine(engineOf(newEvents(), { spareMs: Number.POSITIVE_INFINITY }), few);

interface Tuning extends Partial<IsolatedOptions> {
  readonly args?: readonly string[];
}

function engineOf(events: Events, { args = [], ...options }: Tuning = {}): Engine {
  return newIsolatedEngine({ command: [process.execPath, main, ...args], name: "embedded", clock: systemClock(), logger: events.logger, ...options });
}

/** Loaded is half_plus_two in a process of its own. */
interface Loaded extends AsyncDisposable {
  readonly events: Events;
  readonly model: LoadedModel;
  readonly pid: number;
  /** back resolves with the id of the next process that has loaded the model. */
  back(): Promise<number>;
}

async function load(tuning: Tuning = {}): Promise<Loaded> {
  const events = newEvents();
  const model = await engineOf(events, tuning).load(ctx, half);
  const back = async (): Promise<number> => Number((await events.next("engine process ready"))["pid"]);
  return { events, model, pid: await back(), back, [Symbol.asyncDispose]: () => model.close() };
}

const x = newTensor(DType.Float, [1, 1], Float32Array.of(8));
const ask = (model: LoadedModel, fetch = "y:0", value: Tensor = x) => model.run(ctx, new Map([["x:0", value]]), [fetch]);
async function answers(model: LoadedModel): Promise<void> {
  const [y] = await ask(model);
  assert.deepEqual([...(y!.data as Float32Array)], [6]);
}
const unavailable = (message: RegExp | string) => ({ code: Code.Unavailable, message });

const crashes: readonly { readonly fetch: string; readonly how: RegExp }[] = [
  { fetch: "!SIGKILL", how: /^the process of the embedded engine was ended by SIGKILL$/ },
  { fetch: "!SIGSEGV", how: /^the process of the embedded engine was ended by SIGSEGV$/ },
  { fetch: "!exit", how: /^the process of the embedded engine ended with code 7$/ },
  { fetch: "!throw", how: /^the process of the embedded engine ended with code 1$/ },
  { fetch: "!garbage", how: /^the process of the embedded engine sent what cannot be read: a frame of 4294967295 bytes: expected 8 to 2148532224$/ },
  { fetch: "!stranger", how: /^the process of the embedded engine sent what cannot be read: an answer to the call 16777215, which is not under way$/ },
];
for (const { fetch, how } of crashes) {
  test(`${fetch} in a run fails the calls in flight, and the model is back; another model answers all the while`, async (t) => {
    await using broken = await load();
    await using other = await load();
    let over = false;
    let answered = 0;
    const asking = (async () => {
      for (; !over; answered++) await answers(other.model);
    })();
    const waiting = ask(broken.model, "!never");
    const crashing = ask(broken.model, fetch);
    await assert.rejects(waiting, unavailable(how));
    const since = performance.now();
    await assert.rejects(crashing, unavailable(how));
    await assert.rejects(ask(broken.model), { code: Code.Unavailable, message: /; another one is being started$/ });
    assert.equal((await broken.events.next("engine process ended"))["restartMs"], 0);
    const pid = await broken.back();
    t.diagnostic(`measured: back ${Math.round(performance.now() - since)} ms after ${fetch}`);
    assert.notEqual(pid, broken.pid);
    await answers(broken.model);
    over = true;
    await asking;
    assert.ok(answered > 0);
    assert.equal(other.events.all.filter(({ event }) => event === "engine process ended").length, 0);
  });
}

test("a process is kept ready for the next restart, and goes with the last model", async () => {
  const events = newEvents();
  const fifo = newFifo("spare");
  const held = await open(fifo.path, "w"); // a process that has not opened it yet does not count
  const engine = engineOf(events, { args: [`--hold=${fifo.path}`] });
  const [a, b] = [await engine.load(ctx, half), await engine.load(ctx, half)];
  const [first, second] = [await events.next("engine process ready"), await events.next("engine process ready")];
  await a.close();
  process.kill(Number(second["pid"]), "SIGKILL");
  const third = await events.next("engine process ready");
  await held.close();
  await answers(b);
  assert.equal(new Set([first["pid"], second["pid"], third["pid"]]).size, 3);
  await b.close();
  await fifo.released;
});

test("the process that is kept ready has rehearsed its first load, and is the one that takes over", async () => {
  const loaded = await load({ args: ["--tell"] });
  const own = await loaded.events.next("engine process wrote");
  assert.deepEqual([own["pid"], own["line"]], [loaded.pid, `loads ${half}`]);
  const { pid, line } = await loaded.events.next("engine process wrote");
  assert.notEqual(pid, loaded.pid);
  assert.match(String(line), /^loads .*tfs-rehearsal-/);
  process.kill(loaded.pid, "SIGKILL");
  assert.equal(await loaded.back(), pid);
  await answers(loaded.model);
  await loaded.model.close();
});

for (const signal of ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS"] as const) {
  test(`${signal} while nothing is asked: the model is back`, async () => {
    await using loaded = await load();
    process.kill(loaded.pid, signal);
    const { error } = await loaded.events.next("engine process ended");
    assert.equal((error as Error).message, `the process of the embedded engine was ended by ${signal}`);
    await loaded.back();
    await answers(loaded.model);
  });
}

test("signals that stop a terminal's or a service's processes do not stop an engine's", async () => {
  await using loaded = await load();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(loaded.pid, signal);
  for (let i = 0; i < 10; i++) await answers(loaded.model);
  assert.equal(loaded.events.all.filter(({ event }) => event === "engine process ended").length, 0);
});

test("a crash in a load fails it with how the process ended, and nothing tries again", async () => {
  const flag = join(scratch, "crash_first");
  writeFileSync(flag, "");
  const events = newEvents();
  await assert.rejects(
    engineOf(events, { args: [`--crash_if=${flag}`] }).load(ctx, half),
    unavailable("the process of the embedded engine was ended by SIGSEGV"),
  );
  assert.deepEqual(events.all, []);
});
test("a load that fails fails with the engine's own words", async () => {
  await assert.rejects(engineOf(newEvents()).load(ctx, join(scratch, "none")), {
    code: Code.NotFound,
    message: /does not appear to contain a SavedModel bundle/,
  });
});
test("a load that is given up ends its process", async () => {
  const flag = join(scratch, "spin_first");
  writeFileSync(flag, "");
  using cancelled = withCancel(ctx);
  const reason = newError(Code.Canceled, "enough");
  const loading = engineOf(newEvents(), { args: [`--spin_if=${flag}`] }).load(cancelled, half);
  setImmediate(() => cancelled.cancel(reason));
  await assert.rejects(loading, (err) => err === reason);
});

/** deaf never finds a process silent: what a fake clock skips is not silence. */
const deaf = { idleMs: Number.POSITIVE_INFINITY, busyMs: Number.POSITIVE_INFINITY, overdueMs: Number.POSITIVE_INFINITY };

test("restarts come at once, then after 0.1 s and twice as long each time up to 30 s, and at once again after a minute of health", async () => {
  const clock = fakeClock();
  await using loaded = await load({ clock, patience: deaf });
  let pid = loaded.pid;
  const crash = async (): Promise<number> => {
    process.kill(pid, "SIGKILL");
    const restartMs = Number((await loaded.events.next("engine process ended"))["restartMs"]);
    await assert.rejects(ask(loaded.model), { code: Code.Unavailable });
    await clock.advance(restartMs);
    pid = await loaded.back();
    await answers(loaded.model);
    return restartMs;
  };
  const delays: number[] = [];
  for (let i = 0; i < 11; i++) delays.push(await crash());
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
  await clock.advance(59_999);
  assert.equal(await crash(), 30_000);
  await clock.advance(60_000);
  assert.equal(await crash(), 0);
});

test("a model that cannot be loaded again is tried again at the same pace, and says why it is not there", async () => {
  const clock = fakeClock();
  const flag = join(scratch, "crash_later");
  await using loaded = await load({ clock, patience: deaf, args: [`--crash_if=${flag}`] });
  writeFileSync(flag, "");
  process.kill(loaded.pid, "SIGKILL");
  await loaded.events.next("engine process did not load its model again");
  for (const delayMs of [100, 200, 400]) {
    const why = "the embedded engine's process ended, and another one did not load the model: the process of the embedded engine was ended by SIGSEGV";
    await assert.rejects(ask(loaded.model), unavailable(why));
    await clock.advance(delayMs);
    await loaded.events.next("engine process did not load its model again");
  }
  rmSync(flag);
  await clock.advance(800);
  await loaded.back();
  await answers(loaded.model);
});

/** started gives a clock that tells about the time of this process, as deadlines do, in whole milliseconds: beats would come beside their time with rounded fractions. */
const started = (): FakeClock => fakeClock(Math.ceil(performance.now()));

/** pass lets time pass beat by beat; after each the process has answered what it was asked before. */
async function pass(clock: FakeClock, ms: number, model: LoadedModel): Promise<void> {
  for (let at = 0; at < ms; at += 5000) {
    await clock.advance(5000);
    await answers(model);
  }
}

const hangs: readonly {
  readonly name: string;
  readonly hang: (loaded: Loaded, clock: Clock) => Promise<unknown>;
  readonly ms: number;
  readonly why: RegExp;
}[] = [
  {
    name: "a process that has nothing to do and gives no sign",
    hang: async ({ pid }) => void process.kill(pid, "SIGSTOP"),
    ms: 20_000,
    why: /^the process of the embedded engine was ended because it had given no sign for 20 s$/,
  },
  {
    name: "a run that keeps the event loop, without a deadline",
    hang: ({ model }) => ask(model, "!spin"),
    ms: 305_000,
    why: /^the process of the embedded engine was ended because it had given no sign for 305 s$/,
  },
  {
    name: "a run that keeps the event loop past its deadline",
    hang: ({ model }, clock) => model.run({ ...ctx, deadline: clock.now() + 60_000 }, new Map(), ["!spin"]),
    ms: 125_000,
    why: /^the process of the embedded engine was ended because no call had ended for 65 s though their time was up$/,
  },
  {
    name: "a run that hangs on a thread past its deadline",
    hang: ({ model }, clock) => model.run({ ...ctx, deadline: clock.now() + 60_000 }, new Map(), ["!never"]),
    ms: 125_000,
    why: /^the process of the embedded engine was ended because no call had ended for 65 s though their time was up$/,
  },
];
for (const { name, hang, ms, why } of hangs) {
  test(`${name} is ended, and the model is back`, async () => {
    const clock = started();
    await using loaded = await load({ clock });
    const hung = hang(loaded, clock).then(
      () => undefined,
      (err: unknown) => err,
    );
    await clock.advance(ms - 5000);
    assert.equal(loaded.events.all.filter(({ event }) => event === "engine process ended").length, 0);
    await clock.advance(5000);
    const { error } = await loaded.events.next("engine process ended");
    assert.match((error as Error).message, why);
    const err = await hung;
    if (err !== undefined) assert.deepEqual([codeOf(err), (err as Error).message], [Code.Unavailable, (error as Error).message]);
    await loaded.back();
    await answers(loaded.model);
  });
}
test("a run that takes hours on a thread is left alone without a deadline, and past one as long as others end", async () => {
  const clock = started();
  await using loaded = await load({ clock });
  const never = [ask(loaded.model, "!never"), loaded.model.run({ ...ctx, deadline: clock.now() + 60_000 }, new Map(), ["!never"])].map((run) =>
    assert.rejects(run),
  );
  await pass(clock, 3_600_000, loaded.model);
  assert.equal(loaded.events.all.filter(({ event }) => event === "engine process ended").length, 0);
  process.kill(loaded.pid, "SIGKILL");
  await Promise.all(never);
  await loaded.back();
});

test("a million values pass, and sixteen million bytes of strings", async () => {
  await using loaded = await load();
  const values = new Float32Array(1_000_000).map((_, i) => i);
  const [y, fed] = await loaded.model.run(ctx, new Map([["x:0", newTensor(DType.Float, [1_000_000, 1], values)]]), ["y:0", "x:0"]);
  assert.deepEqual(fed!.data, values);
  assert.deepEqual(
    y!.data,
    values.map((v) => v / 2 + 2),
  );
  const texts = newTensor(
    DType.String,
    [160],
    Array.from({ length: 160 }, (_, i) => new Uint8Array(100_000).fill(i)),
  );
  assert.deepEqual(await loaded.model.run(ctx, new Map([["tf_example:0", texts]]), ["tf_example:0"]), [texts]);
});

test("64 calls in flight get each its own answer, in whatever order they come", async () => {
  await using loaded = await load({ args: ["--shuffle"] });
  const order: number[] = [];
  const got = await Promise.all(
    Array.from({ length: 64 }, async (_, i) => {
      const [y] = await ask(loaded.model, "y:0", newTensor(DType.Float, [1 + i * 100, 1], new Float32Array(1 + i * 100).fill(i)));
      order.push(i);
      return (y!.data as Float32Array).at(-1);
    }),
  );
  assert.deepEqual(
    got,
    Array.from({ length: 64 }, (_, i) => i / 2 + 2),
  );
  assert.notDeepEqual(
    order,
    Array.from({ length: 64 }, (_, i) => i),
  );
});

test("a failure keeps code, text and details; what the process writes is logged line by line, long ones cut", async () => {
  const loaded = await load();
  await assert.rejects(ask(loaded.model, "!write"), (err) => {
    const { code, message, cause, details } = err as ReturnType<typeof newError>;
    assert.deepEqual([code, message, (cause as Error).message, details], [Code.Aborted, "has written", "the cause", [Uint8Array.of(1, 2)]]);
    return true;
  });
  await loaded.model.close();
  const lines = loaded.events.all.filter(({ event }) => event === "engine process wrote");
  assert.deepEqual(lines.map(({ fields }) => fields["line"]).sort(), ["err", "out", "unended", "x".repeat(2048)]);
  assert.ok(lines.every(({ fields }) => fields["pid"] === loaded.pid));
});

test("calls under way are bounded by number and by bytes, but one that is alone may be large", async () => {
  await using loaded = await load({ maxCalls: 3, maxBytes: 100_000 });
  const large = newTensor(DType.Float, [50_000, 1], new Float32Array(50_000));
  await ask(loaded.model, "y:0", large);
  const waiting = [assert.rejects(ask(loaded.model, "!never")), assert.rejects(ask(loaded.model, "!never"))];
  await assert.rejects(ask(loaded.model, "y:0", large), {
    code: Code.ResourceExhausted,
    message: /^calls of \d+ bytes are under way in the engine's process, \d+ more would be too many$/,
  });
  waiting.push(assert.rejects(ask(loaded.model, "!never")));
  await assert.rejects(ask(loaded.model), { code: Code.ResourceExhausted, message: "3 calls are under way in the engine's process already" });
  process.kill(loaded.pid, "SIGKILL");
  await Promise.all(waiting);
  await loaded.back();
  await answers(loaded.model); // what is lost is no longer under way
});

test("a model is closed though no more calls could be under way", async () => {
  const loaded = await load({ maxCalls: 1, maxBytes: 1, args: ["--shuffle"] });
  const run = answers(loaded.model);
  await loaded.model.close();
  await run;
});

test("who cancels, or whose time is up, goes at once; the call counts until it has ended", async () => {
  await using loaded = await load({ maxCalls: 2 });
  using cancelled = withCancel(ctx);
  const reason = newError(Code.Canceled, "enough");
  const run = loaded.model.run(cancelled, new Map(), ["!never"]);
  cancelled.cancel(reason);
  await assert.rejects(run, (err) => err === reason);
  using short = withTimeout(ctx, 1);
  await assert.rejects(loaded.model.run(short, new Map(), ["!never"]), { code: Code.DeadlineExceeded });
  await assert.rejects(ask(loaded.model), { code: Code.ResourceExhausted });
  process.kill(loaded.pid, "SIGKILL");
  await loaded.back();
});

test("a run in the process finds its deadline passed, or itself cancelled, when its turn comes", async () => {
  await using loaded = await load();
  const spent = { ...ctx, deadline: performance.now() + 1e-3 };
  await assert.rejects(loaded.model.run(spent, new Map([["x:0", x]]), ["y:0"]), { code: Code.DeadlineExceeded });
});

test("close lets runs end, and ends the process, also one that is not there yet", async () => {
  const fifo = newFifo("close");
  const loaded = await load({ args: [`--hold=${fifo.path}`, "--shuffle"] });
  const runs = Array.from({ length: 8 }, () => answers(loaded.model));
  await loaded.model.close();
  await Promise.all(runs);
  await fifo.released;
  await assert.rejects(ask(loaded.model), unavailable("the model has been unloaded"));
  assert.equal(loaded.events.all.filter(({ event }) => event === "engine process ended").length, 0);

  const flag = join(scratch, "spin_later");
  const restarting = await load({ args: [`--spin_if=${flag}`] });
  writeFileSync(flag, "");
  process.kill(restarting.pid, "SIGKILL");
  await restarting.events.next("engine process ended");
  await restarting.model.close();
});

/** newFifo makes a FIFO whose `released` resolves when those that held it open are gone. */
function newFifo(name: string): { readonly path: string; readonly released: Promise<unknown> } {
  const path = join(scratch, name);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  return { path, released: once(createReadStream(path).resume(), "end") };
}
for (const fetch of ["!never", "!spin"]) {
  test(`when who started it is killed, the process goes, in the middle of ${fetch}`, async () => {
    const fifo = newFifo(fetch);
    const started = spawn(process.execPath, [parent, half, fetch, main, `--hold=${fifo.path}`], { stdio: ["ignore", "pipe", "inherit"] });
    await once(started.stdout, "data");
    started.kill("SIGKILL");
    await once(started, "exit");
    await fifo.released;
  });
}

for (const { name, command, why } of [
  { name: "is not there", command: ["/nowhere/node"], why: "could not be started: spawn /nowhere/node ENOENT" },
  { name: "ends at once", command: [process.execPath, "-e", "0"], why: "ended with code 0" },
  {
    name: "is of another release",
    command: [process.execPath, "-e", "require('fs').writeSync(3, Uint8Array.of(12,0,0,0, 16,0,0,0, 0,0,0,0, 9,0,0,0)); setInterval(() => {}, 1e6)"],
    why: "sent what cannot be read: frames of version 9, not 2: it is of another release",
  },
]) {
  test(`a program that ${name}: loads and probes say so`, async () => {
    const engine = newIsolatedEngine({ command, name: "embedded", clock: systemClock(), logger: newEvents().logger });
    await assert.rejects(engine.load(ctx, half), unavailable(`the process of the embedded engine ${why}`));
    assert.deepEqual(await engine.probe(ctx), { ok: false, why: `the process of the embedded engine ${why}` });
  });
}

const malformed: readonly { readonly name: string; readonly bytes: readonly number[]; readonly text: RegExp }[] = [
  { name: "a length that no frame has", bytes: [255, 255, 255, 255], text: /a frame of 4294967295 bytes/ },
  { name: "a frame without a number", bytes: [4, 0, 0, 0, 3, 0, 0, 0], text: /a frame of 4 bytes/ },
  { name: "a frame of no kind", bytes: [8, 0, 0, 0, 99, 0, 0, 0, 1, 0, 0, 0], text: /a frame of kind 99/ },
  { name: "a run that ends too early", bytes: [12, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], text: /a frame ends before 8 bytes of it/ },
  {
    name: "a run of more tensors than there can be",
    bytes: [20, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255],
    text: /4294967295 entries do not fit/,
  },
];
for (const { name, bytes, text } of malformed) {
  test(`${name} ends the engine's process, which says why`, async () => {
    const started = spawn(process.execPath, [main], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
    const socket = started.stdio[3] as Socket;
    socket.on("error", () => {}).resume();
    socket.write(Uint8Array.from(bytes));
    let said = "";
    started.stderr!.setEncoding("utf8").on("data", (part: string) => (said += part));
    const [code] = (await once(started, "close")) as [number | null];
    assert.equal(code, 1);
    assert.match(said, text);
  });
}

// Hostile clients, frame by frame: the connection is closed, memory stays bounded, another client notices nothing. What is known to fail is listed with its reason.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream, type ServerOptions } from "node:http2";
import { connect as dial, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { frameMessage } from "@tfs/rpc";
import { clientPreface, echo, encodeFrame, encodeHeaders, frameFlag, frameType, type Raw, rawClient, reply, startBackend, uint32 } from "@tfs/rpc/testing";
import { type Front, grpcHeaders, peakBytes, pour, startFront, survives, turn } from "../testing/index.ts";

const known = JSON.parse(readFileSync(new URL("../../testdata/conformance/flood.json", import.meta.url), "utf8")) as Readonly<Record<string, string>>;

const [priority, continuation] = [2, 9] as const;
const maxFrame = 16_384;
const path = "/flood.v1.Service/Method";
const fields = encodeHeaders({
  ":method": "POST",
  ":scheme": "http",
  ":path": path,
  ":authority": "flood",
  "content-type": "application/grpc",
  te: "trailers",
});

/** Streams of a client have odd numbers. */
const id = (index: number): number => 2 * index + 1;
const open = (stream: number, flags = 0): Buffer => encodeFrame(frameType.headers, frameFlag.endHeaders | flags, stream, fields);

/** pieces makes `count` small frames, many in one write. */
function* pieces(count: number, make: (index: number) => Uint8Array, perWrite = 200): Generator<Uint8Array> {
  for (let at = 0; at < count; at += perWrite) yield Buffer.concat(Array.from({ length: Math.min(perWrite, count - at) }, (_, i) => make(at + i)));
}

interface Row {
  readonly name: string;
  readonly attack: (raw: Raw) => Promise<void>;
  /** closes tells whether the connection must be gone after it; a client may also be answered in peace when that costs nothing. */
  readonly closes: boolean;
  /** calls bounds how many calls of the attacker reach the backend. */
  readonly calls?: number;
  /** strict puts a backend behind the gateway that itself cuts a connection with too many resets. */
  readonly strict?: boolean;
}

/** A thousand resets are forgiven at once, and 256 streams run at a time. */
const forgiven = 1_500;
const cancel = uint32(8);

const rows: readonly Row[] = [
  {
    name: "rapid reset, 10,000 streams in one burst",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([open(id(i)), encodeFrame(frameType.rstStream, 0, id(i), cancel)]), 10_000),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "rapid reset, 10,000 streams in one burst, and a backend that bears a thousand",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([open(id(i)), encodeFrame(frameType.rstStream, 0, id(i), cancel)]), 10_000),
      ),
    closes: true,
    calls: forgiven,
    strict: true,
  },
  {
    name: "rapid reset, 10,000 streams a hundred at a time",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([open(id(i)), encodeFrame(frameType.rstStream, 0, id(i), cancel)]), 100),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "made you reset: a window update of zero on each of 10,000 streams",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([open(id(i)), encodeFrame(frameType.windowUpdate, 0, id(i), uint32(0))])),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "made you reset: a window past 2^31 on each of 10,000 streams",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([open(id(i)), encodeFrame(frameType.windowUpdate, 0, id(i), uint32(0x7fffffff))])),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "made you reset: data after the end of each of 10,000 streams",
    attack: (raw) =>
      pour(
        raw,
        pieces(10_000, (i) => Buffer.concat([open(id(i), frameFlag.endStream), encodeFrame(frameType.data, 0, id(i), Buffer.of(1))])),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "20,000 streams at once",
    attack: (raw) =>
      pour(
        raw,
        pieces(20_000, (i) => open(id(i))),
      ),
    closes: true,
    calls: forgiven,
  },
  {
    name: "CONTINUATION without end: 20,000 frames of one small field",
    attack: (raw) => continued(raw, 20_000, encodeHeaders({ a: "b" })),
    closes: true,
    calls: 0,
  },
  {
    name: "CONTINUATION without end: 20,000 frames of 16 KiB",
    attack: (raw) => continued(raw, 20_000, Buffer.concat(Array.from({ length: 64 }, () => encodeHeaders({ field: "x".repeat(246) })))),
    closes: true,
    calls: 0,
  },
  { name: "CONTINUATION without end: 100,000 empty frames", attack: (raw) => continued(raw, 100_000, Buffer.alloc(0)), closes: true, calls: 0 },
  { name: "HPACK bomb: 4 KB of table named 16,000 times in each of 200 blocks", attack: bomb, closes: false, calls: 0 },
  {
    name: "HPACK: an integer that does not end",
    attack: (raw) => pour(raw, [encodeFrame(frameType.headers, frameFlag.endHeaders, 1, Buffer.concat([Buffer.of(0x7f), Buffer.alloc(16_000, 0xff)]))]),
    closes: true,
    calls: 0,
  },
  {
    name: "10,000 fields without name and value in each of 200 blocks",
    attack: (raw) =>
      pour(
        raw,
        pieces(200, (i) => block(id(i), Buffer.concat([fields, Buffer.alloc(3 * 10_000)])), 1),
      ),
    closes: false,
    calls: 0,
  },
  {
    name: "200,000 SETTINGS, acknowledgements unread",
    attack: (raw) =>
      unread(
        raw,
        pieces(200_000, () => encodeFrame(frameType.settings, 0, 0)),
      ),
    closes: true,
  },
  {
    name: "100,000 SETTINGS that change the window of 100 open streams",
    attack: async (raw) => {
      await pour(
        raw,
        pieces(100, (i) => open(id(i))),
      );
      await unread(
        raw,
        pieces(100_000, (i) => encodeFrame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(i % 2 === 0 ? 0 : 0x7fffffff)]))),
      );
    },
    closes: true,
  },
  {
    name: "200,000 PINGs, answers unread",
    attack: (raw) =>
      unread(
        raw,
        pieces(200_000, () => encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8))),
      ),
    closes: true,
  },
  {
    name: "200,000 PRIORITYs",
    attack: (raw) =>
      pour(
        raw,
        pieces(200_000, (i) => encodeFrame(priority, 0, id(i % 1000), Buffer.alloc(5, 2))),
      ),
    closes: true,
  },
  {
    name: "200,000 empty DATA frames",
    attack: async (raw) => {
      raw.send(open(1));
      await pour(
        raw,
        pieces(200_000, () => encodeFrame(frameType.data, 0, 1)),
      );
    },
    closes: true,
    calls: 1,
  },
  {
    name: "200,000 window updates of one byte",
    attack: (raw) =>
      pour(
        raw,
        pieces(200_000, () => encodeFrame(frameType.windowUpdate, 0, 0, uint32(1))),
      ),
    closes: true,
  },
  {
    name: "200,000 frames of an unknown type",
    attack: (raw) =>
      pour(
        raw,
        pieces(200_000, () => encodeFrame(0x42, 0, 0)),
      ),
    closes: true,
  },
];

/** continued begins a header block and goes on with it; the last frame ends it, for whoever has borne it so far. */
async function continued(raw: Raw, count: number, fragment: Uint8Array): Promise<void> {
  raw.send(encodeFrame(frameType.headers, 0, 1, fields));
  await pour(
    raw,
    pieces(count, () => encodeFrame(continuation, 0, 1, fragment), fragment.length > 1000 ? 4 : 200),
  );
  await pour(raw, [encodeFrame(continuation, frameFlag.endHeaders, 1)]);
}

/** block is a header block in as many frames as it takes. */
function block(stream: number, bytes: Uint8Array): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += maxFrame) {
    const last = at + maxFrame >= bytes.length ? frameFlag.endHeaders : 0;
    parts.push(encodeFrame(at === 0 ? frameType.headers : continuation, last, stream, bytes.subarray(at, at + maxFrame)));
  }
  return Buffer.concat(parts);
}

/** bomb puts a field of nearly 4 KB into the dynamic table (RFC 7541, section 6.2.1) and names it a byte each time. */
async function bomb(raw: Raw): Promise<void> {
  const value = Buffer.alloc(4_000, "x");
  const insert = Buffer.concat([Buffer.of(0x40, 1), Buffer.from("b"), Buffer.of(0x7f, ((value.length - 127) & 0x7f) | 0x80, (value.length - 127) >> 7), value]);
  raw.send(block(1, Buffer.concat([fields, insert, Buffer.alloc(16_000, 0xbe)])));
  await pour(
    raw,
    pieces(200, (i) => block(id(i + 1), Buffer.concat([fields, Buffer.alloc(16_000, 0xbe)])), 1),
  );
}

/** unread floods and reads nothing of what comes back. */
async function unread(raw: Raw, flood: Iterable<Uint8Array>): Promise<void> {
  raw.socket.pause();
  await pour(raw, flood);
}

/** Peak memory may grow by this under one hostile connection: garbage not yet collected, and what the limits let it hold. */
const growthBytes = 96 << 20;
/** What waits for slow readers, over all connections, has a limit of its own. */
const heldBytes = 256 << 20;
/** A neighbour makes so many calls before an attack and after it, while its traces are still there, besides those meanwhile. */
const neighbourCalls = 50;

/** Neighbour is a well-behaved client with a connection of its own. */
interface Neighbour extends Disposable {
  /** calls makes calls one after the other; it throws when one does not come back right. */
  calls(count: number): Promise<void>;
}

function newNeighbour(front: Front): Neighbour {
  const session = connect(`http://${front.address}`);
  session.on("error", () => {}); // its streams tell
  const message = frameMessage(Buffer.alloc(1_000, "0123456789"));
  return {
    async calls(count) {
      for (let made = 0; made < count; made++) {
        const stream = session.request(grpcHeaders("/neighbour.v1.Service/Echo"));
        stream.end(message);
        let status = "";
        for (const event of ["response", "trailers"]) {
          stream.on(event, (fields: IncomingHttpHeaders) => {
            status += ["grpc-status", "grpc-message"].flatMap((name) => fields[name] ?? []).join(" ");
          });
        }
        const back = await stream.toArray().catch((err: Error) => assert.fail(`the neighbour's call failed: ${err.message}`));
        const bytes = Buffer.concat(back as Buffer[]);
        assert.ok(bytes.equals(message), `the neighbour got ${bytes.length} bytes of ${message.length}, ${status}`);
      }
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}

/** No attack and no call may take longer: what hangs is a failure with a name. */
const patienceMs = 40_000;

function newPatience(ms: number): Disposable & { readonly over: Promise<false> } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return { over, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Guarded is what an attack is made on. */
interface Guarded {
  readonly front: Front;
  /** calls is how many calls of the attacker have reached the backend. */
  readonly calls: () => number;
  /** over tells whether the attack is to end, since it took too long. */
  readonly over: () => boolean;
}

interface Conditions {
  /** serve answers the attacker's calls; the default is never to answer. */
  readonly serve?: (stream: ServerHttp2Stream) => void;
  /** server is the backend's; the default is one that bears everything. */
  readonly server?: Http2Server;
  /** growthBytes is by how much peak memory may grow. */
  readonly growthBytes: number;
}

/** guard lets `attack` loose on a fresh gateway, and throws when that ends, takes more than growthBytes or lets a neighbour wait. */
async function guard(options: Conditions, attack: (guarded: Guarded) => Promise<string>): Promise<string> {
  let calls = 0;
  const { server = createServer(tolerant), growthBytes } = options;
  await using backend = await startBackend(
    (stream, headers) => {
      if (headers[":path"] !== path) return echo(stream);
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

function flood(row: Row): Promise<string> {
  return guard({ ...(row.strict === true && { server: createServer() }), growthBytes }, async ({ front, calls }) => {
    const raw = rawClient(front.port);
    try {
      await raw.until((frame) => frame.type === frameType.settings);
      await row.attack(raw);
      const survived = await survives(raw);
      assert.ok(calls() <= (row.calls ?? Number.POSITIVE_INFINITY), `${calls()} calls reached the backend`);
      if (row.closes) assert.equal(survived, false, "the connection is still open");
      const code = raw.frames.find((frame) => frame.type === frameType.goaway)?.payload.readUInt32BE(4);
      return survived ? "answered" : code === undefined ? "cut" : `closed with GOAWAY(${code})`;
    } finally {
      raw.socket.destroy();
    }
  });
}

/** Without these, node:http2 refuses streams past 10 MiB of unsent answers, and cuts a connection after a thousand resets. */
const tolerant: ServerOptions = { maxSessionMemory: 4096, streamResetBurst: 1_000_000, streamResetRate: 1_000_000 };

const mebibyte = Buffer.alloc(1 << 20);

const stallName = "2 GiB asked for over 16 connections, no window ever opened";

/** stall asks for 2 GiB over 16 connections and never opens a stream's window. A stalled client may stay; what the gateway holds for it has a bound. */
function stall(): Promise<string> {
  const [connections, streams] = [16, 128];
  return guard({ serve: (stream) => reply(stream, mebibyte), growthBytes: heldBytes + growthBytes }, async ({ front, calls, over }) => {
    const raws = Array.from({ length: connections }, () => rawClient(front.port));
    try {
      for (const raw of raws) {
        raw.send(encodeFrame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(0)])));
        raw.send(...Array.from({ length: streams }, (_, i) => open(id(i), frameFlag.endStream)));
      }
      while (calls() < connections * streams && !over()) await turn();
      const answered = await Promise.all(raws.map(survives));
      return `${answered.filter(Boolean).length} of ${connections} connections answered`;
    } finally {
      for (const raw of raws) raw.socket.destroy();
    }
  });
}

/** Ways to say nothing, or as little as possible. */
const mute: Readonly<Record<string, (socket: Socket) => (() => void) | undefined>> = {
  "says nothing": () => undefined,
  "stops within HTTP/2's preface": (socket) => void socket.write(clientPreface.slice(0, 10)),
  "sends HTTP/2's preface a byte at a time": dribble(clientPreface),
  "stops within HTTP/1.1's headers": (socket) => void socket.write("POST /v1/models/m:predict HTTP/1.1\r\nhost: a\r\n"),
  "sends HTTP/1.1's headers a byte at a time": dribble(`GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(10_000)}`),
  "stops within HTTP/2's headers": (socket) => void socket.write(Buffer.concat([greeting, encodeFrame(frameType.headers, 0, 1, fields)])),
  "stops within a frame of HTTP/2": (socket) => void socket.write(Buffer.concat([greeting, open(1).subarray(0, 20)])),
};
const greeting = Buffer.concat([Buffer.from(clientPreface), encodeFrame(frameType.settings, 0, 0)]);

/** dribble sends a byte a second. */
function dribble(text: string): (socket: Socket) => () => void {
  return (socket) => {
    let at = 0;
    const timer = setInterval(() => void socket.write(text.slice(at, ++at)), 1_000);
    return () => clearInterval(timer);
  };
}

/** The limits close such a connection after ten seconds; one that is open after this is left open. */
const muteMs = 20_000;

/** outwait gives, for each way to be mute, whether its connection was closed. */
async function outwait(): Promise<ReadonlyMap<string, boolean>> {
  await using backend = await startBackend(echo);
  await using front = await startFront(backend.address, "--log_level=error");
  using patience = newPatience(muteMs);
  const closed = new Map<string, boolean>();
  const waits = Object.entries(mute).map(async ([name, speak]) => {
    const socket = dial(front.port, "127.0.0.1");
    socket.on("error", () => {}); // a reset is one way to close
    socket.resume();
    const gone = new Promise<boolean>((resolve) => socket.on("close", () => resolve(true)));
    const stop = speak(socket);
    closed.set(name, await Promise.race([gone, patience.over]));
    stop?.();
    socket.destroy();
  });
  await Promise.all(waits);
  using neighbour = newNeighbour(front);
  await neighbour.calls(neighbourCalls);
  return closed;
}

/** hold runs `check`, which must throw an AssertionError exactly if the name is on the list of known failures. */
async function hold(t: TestContext, name: string, check: () => Promise<string>): Promise<void> {
  const why = known[name];
  if (why === undefined) return t.diagnostic(`measured: ${name}: ${await check()}`);
  await assert.rejects(check(), assert.AssertionError, `holds now: take it off the list of known failures (${why})`);
  t.diagnostic(`measured: ${name}: known to fail: ${why}`);
}

const linux = process.platform === "linux" ? false : "needs Linux: it reads a process's peak memory from /proc";
const timeoutMs = 60_000;

test("flood: the list of known failures names attacks", () => {
  const names = [...rows.map((row) => row.name), ...Object.keys(mute), stallName];
  assert.deepEqual(
    Object.keys(known).filter((name) => !names.includes(name)),
    [],
  );
});

for (const row of rows) test(`flood: ${row.name}`, { skip: linux, timeout: timeoutMs }, (t) => hold(t, row.name, () => flood(row)));

test(`flood: ${stallName}`, { skip: linux, timeout: timeoutMs }, (t) => hold(t, stallName, stall));

test("flood: slow and mute clients", { skip: linux, timeout: timeoutMs }, async (t) => {
  const closed = await outwait();
  for (const [name, gone] of closed) {
    await t.test(`a client that ${name} is let go`, (t) =>
      hold(t, name, async () => {
        assert.ok(gone, `still open after ${muteMs} ms`);
        return "closed";
      }),
    );
  }
});

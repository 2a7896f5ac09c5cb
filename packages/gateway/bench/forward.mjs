// npm run bench -- forward [--rounds=N] [--connections=N] [--calls=N]: what forwarding a small call costs in our own code, in nanoseconds: both HTTP/2 sessions, the choice of a backend, and
// all between them, with sockets that only count. Frames are grpc-go's: so many calls a read on each connection, a grpc-timeout of its own on each. The least of many short runs is the figure that
// a busy machine disturbs least.
import { EventEmitter } from "node:events";
import { parseArgs } from "node:util";

// Inner rooms of two packages, measured where they are built.
const dist = (path) => new URL(path, import.meta.url).href;
const { newSession, newBudget, defaultSessionLimits } = await import(dist("../../rpc/dist/http2/index.js"));
const { newOutgoing } = await import(dist("../../rpc/dist/call.js"));
const { newPeer } = await import(dist("../../rpc/dist/hpack/testing/index.js"));
const { flushAll } = await import(dist("../../rpc/dist/turn.js"));
const { openFirst } = await import(dist("../dist/backend/failover.js"));
const { newArena } = await import(dist("../dist/backend/replay.js"));
const { newHandler } = await import(dist("../dist/listen/handlers.js"));
const { newDeadlines } = await import(dist("../dist/forward/index.js"));
const { newMetrics } = await import(dist("../dist/metrics/index.js"));
const { systemClock } = await import("@tfs/std");

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "40" }, connections: { type: "string", default: "1" }, calls: { type: "string", default: "32" } },
});
const connections = Number(values.connections);
/** perRead is how many calls come in one read, on each connection. */
const perRead = Number(values.calls);
const turns = Math.max(8, Math.round(6400 / (connections * perRead)));
const clock = systemClock();

/** Sink is a socket that swallows. */
class Sink extends EventEmitter {
  writableLength = 0;
  bytesWritten = 0;
  write(bytes) {
    this.bytesWritten += bytes.length;
    return true;
  }
  cork() {}
  uncork() {}
  pause() {}
  resume() {}
  isPaused() {
    return false;
  }
  destroy() {}
  destroySoon() {}
  end() {}
}

const newFakeWire = () => ({ socket: new Sink(), onBytes: () => {}, keep() {} });

function frame(type, flags, stream, payload) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const settings = frame(4, 0, 0, Buffer.from([0, 3, 0, 0, 0xff, 0xff, 0, 4, 0x7f, 0xff, 0xff, 0xff]));
const wide = frame(8, 0, 0, Buffer.from([0x7f, 0, 0, 0]));
const request = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/tensorflow.serving.PredictionService/Predict"],
  [":authority", "models.example.com:8500"],
  ["content-type", "application/grpc"],
  ["user-agent", "grpc-go/1.85.0"],
  ["te", "trailers"],
].map(([name, value]) => ({ name, value }));
/** A message with a model_spec of a name and a signature in front, whose model is looked for. */
const body = Buffer.alloc(93, 7);
body.set([0, 0, 0, 0, 88, 0x0a, 31, 0x0a, 12]);
body.write("resnet_v1_50", 9);
body.set([0x1a, 15], 21);
body.write("serving_default", 23);
body.set([0x12, 53], 38);
const message = Buffer.alloc(97, 9);

/** requestReads are what a client sends, a read each, on one connection. */
function requestReads() {
  const peer = newPeer(4096);
  let id = 1;
  return Array.from({ length: turns }, () => {
    const parts = [];
    for (let i = 0; i < perRead; i++, id += 2) {
      parts.push(frame(1, 4, id, peer.encode([...request, { name: "grpc-timeout", value: `${999_000 + ((id * 7919) % 1000)}u` }])));
      parts.push(frame(0, 1, id, body));
    }
    return Buffer.concat(parts);
  });
}

/** answerReads are what a backend answers, in the same order. */
function answerReads() {
  const peer = newPeer(4096);
  const plain = (list) => list.map(([name, value]) => ({ name, value, how: "plain", huffman: false }));
  const head = peer.encode(
    plain([
      [":status", "200"],
      ["content-type", "application/grpc"],
    ]),
  );
  const trailers = peer.encode(plain([["grpc-status", "0"]]));
  let id = 1;
  return Array.from({ length: turns }, () => {
    const parts = [];
    for (let i = 0; i < perRead * connections; i++, id += 2) parts.push(frame(1, 4, id, head), frame(0, 0, id, message), frame(1, 5, id, trailers));
    return Buffer.concat(parts);
  });
}

const questions = requestReads();
const answers = answerReads();
const limits = { ...defaultSessionLimits, streams: 1 << 20 };
const budget = newBudget(1 << 30);
const metrics = newMetrics();

function run() {
  const clientWires = Array.from({ length: connections }, newFakeWire);
  const backendWire = newFakeWire();
  const toBackend = newSession({ side: "client", wire: backendWire, peer: { address: "", encrypted: false }, clock, limits, budget });
  backendWire.onBytes(Buffer.concat([settings, wide]), 0, settings.length + wide.length);
  const link = { request: (fields, handler, end, tail, tailBytes) => toBackend.open(fields, handler, end, tail, tailBytes) };
  let inFlight = 0;
  const desk = { clock, done: () => inFlight-- };
  const channel = {
    state: "ready",
    get inFlight() {
      return inFlight;
    },
    open(fields, handler, options) {
      const call = newOutgoing(desk, fields, handler, options);
      inFlight++;
      call.attach(link);
      return call;
    },
  };
  const picker = { arena: newArena(4 << 20), pick: () => channel };
  const backends = { open: (fields, handler, options) => openFirst(picker, fields, handler, options) };
  const onExchange = newHandler({ backends, clock, deadlines: newDeadlines(clock), metrics, ready: () => true, maxRequestBytes: 1, timeoutMs: 0 });
  const hello = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings, wide]);
  for (const wire of clientWires) {
    newSession({ side: "server", wire, peer: { address: "", encrypted: false }, clock, limits, budget, onStream: onExchange });
    wire.onBytes(hello, 0, hello.length);
  }
  flushAll();
  const before = process.hrtime.bigint();
  for (let i = 0; i < turns; i++) {
    for (const wire of clientWires) wire.onBytes(questions[i], 0, questions[i].length);
    flushAll();
    backendWire.onBytes(answers[i], 0, answers[i].length);
    flushAll();
  }
  const ns = Number(process.hrtime.bigint() - before) / (turns * perRead * connections);
  if (inFlight !== 0) throw new Error(`${inFlight} calls did not end`);
  return ns;
}

for (let i = 0; i < 10; i++) run();
const rounds = Array.from({ length: Number(values.rounds) }, () => run()).sort((a, b) => a - b);
console.log(
  `forward, ${connections} × ${perRead}: ${Math.round(rounds[0])} / ${Math.round(rounds[rounds.length >> 1])} / ${Math.round(rounds.at(-1))} ns a call (min / median / max of ${rounds.length})`,
);
process.exit(0);

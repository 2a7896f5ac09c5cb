// Clients that do not read, and clients that say next to nothing: the gateway lets go of them, or bears them at little cost.
import assert from "node:assert/strict";
import { connect as dial, type Socket } from "node:net";
import { test } from "node:test";
import { clientPreface, echo, encodeFrame, frameFlag, frameType, rawClient, reply, startBackend, uint32 } from "@tfs/rpc/testing";
import {
  attackFields,
  growthBytes,
  guard,
  hold,
  knownFailures,
  linuxOnly,
  neighbourCalls,
  newNeighbour,
  newPatience,
  openStream,
  startFront,
  streamId,
  survives,
  turn,
} from "../testing/index.ts";

/** What waits for slow readers, over all connections, has a limit of its own. */
const heldBytes = 256 << 20;
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
        raw.send(...Array.from({ length: streams }, (_, i) => openStream(streamId(i), frameFlag.endStream)));
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
  "stops within HTTP/2's headers": (socket) => void socket.write(Buffer.concat([greeting, encodeFrame(frameType.headers, 0, 1, attackFields)])),
  "stops within a frame of HTTP/2": (socket) => void socket.write(Buffer.concat([greeting, openStream(1).subarray(0, 20)])),
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

const known = knownFailures("slow.json", [stallName, ...Object.keys(mute)]);
const timeoutMs = 60_000;
test(`slow: ${stallName}`, { skip: linuxOnly(), timeout: timeoutMs }, (t) => hold(t, stallName, known[stallName], stall));

test("slow: mute clients", { timeout: timeoutMs }, async (t) => {
  const closed = await outwait();
  for (const [name, gone] of closed) {
    await t.test(`a client that ${name} is let go`, (t) =>
      hold(t, name, known[name], async () => {
        assert.ok(gone, `still open after ${muteMs} ms`);
        return "closed";
      }),
    );
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeClock } from "@tfs/std/testing";
import { newKeepalive } from "./keepalive.ts";

/** A peer whose answers a test switches on and off. */
function newPeer() {
  const clock = fakeClock();
  const peer = { clock, bytes: 0, answers: true, pings: [] as number[], deadAt: -1 };
  const keepalive = newKeepalive({
    clock,
    pingMs: 1000,
    pingTimeoutMs: 100,
    bytesRead: () => peer.bytes,
    ping(onAck) {
      peer.pings.push(clock.now());
      if (!peer.answers) return;
      peer.bytes += 17;
      onAck();
    },
    onDead: () => (peer.deadAt = clock.now()),
  });
  return { peer, keepalive, clock };
}

test("keepalive: a peer that sends is not pinged", async () => {
  const { peer, keepalive, clock } = newPeer();
  keepalive.watch();
  for (let i = 0; i < 10; i++) {
    peer.bytes += 100;
    await clock.advance(1000);
  }
  assert.deepEqual(peer.pings, []);
});
test("keepalive: a silent peer that answers is pinged twice, then every five minutes", async () => {
  const { peer, keepalive, clock } = newPeer();
  keepalive.watch();
  await clock.advance(700_000);
  assert.deepEqual(peer.pings, [1000, 2000, 302_000, 602_000]);
  assert.equal(peer.deadAt, -1);
});
test("keepalive: data sets the count of pings back", async () => {
  const { peer, keepalive, clock } = newPeer();
  keepalive.watch();
  await clock.advance(2500);
  peer.bytes += 100;
  await clock.advance(303_000);
  assert.deepEqual(peer.pings, [1000, 2000, 303_000, 304_000]);
});
test("keepalive: a ping without an answer means that the peer is dead", async () => {
  const { peer, keepalive, clock } = newPeer();
  peer.answers = false;
  keepalive.watch();
  await clock.advance(1099);
  assert.equal(peer.deadAt, -1);
  await clock.advance(1);
  assert.equal(peer.deadAt, 1100);
});
test("keepalive: nothing is pinged while no call is in flight, and the timer ends by itself", async () => {
  const { peer, keepalive, clock } = newPeer();
  keepalive.watch();
  keepalive.watch();
  assert.equal(clock.pending, 1);
  keepalive.rest();
  await clock.advance(1000);
  assert.equal(clock.pending, 0);
  await clock.advance(10_000);
  assert.deepEqual(peer.pings, []);
});
test("keepalive: calls that come and go share one timer; silence counts from the last one that began, at the latest after twice the time", async () => {
  const { peer, keepalive, clock } = newPeer();
  for (let i = 0; i < 5; i++) {
    keepalive.watch();
    assert.equal(clock.pending, 1);
    keepalive.rest();
  }
  await clock.advance(900);
  keepalive.watch();
  await clock.advance(1000);
  assert.deepEqual(peer.pings, []);
  await clock.advance(100);
  assert.deepEqual(peer.pings, [2000]);
});
test("keepalive: a call that ends while a ping is unanswered takes the peer's time limit along", async () => {
  const { peer, keepalive, clock } = newPeer();
  peer.answers = false;
  keepalive.watch();
  await clock.advance(1050);
  keepalive.rest();
  await clock.advance(10_000);
  assert.deepEqual([peer.deadAt, clock.pending], [-1, 0]);
});

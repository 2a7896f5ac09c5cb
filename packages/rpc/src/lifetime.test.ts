import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import { background, discard } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { newListener } from "./index.ts";
import { defaultListenerLife, type ListenerLife, newLifetime } from "./lifetime.ts";

/** Sign is what happens at a time: a byte of the peer's, or a look. */
type Sign = readonly [at: number, what: "byte" | "look"];
const look = (...at: readonly number[]): Sign[] => at.map((ms) => [ms, "look"]);

const lives: readonly { readonly name: string; readonly life: Partial<ListenerLife>; readonly signs: readonly Sign[]; readonly want: readonly string[] }[] = [
  { name: "nothing ends by default", life: {}, signs: look(1e3, 1e9), want: [] },
  { name: "an age ends it kindly, and again and again", life: { ageMs: 1000 }, signs: look(899, 900, 1e9), want: ["900 close", "1000000000 close"] },
  { name: "a grace ends it for good", life: { ageMs: 1000, graceMs: 50 }, signs: look(949, 950), want: ["949 close", "950 cut: it is too old"] },
  { name: "bytes are signs of life", life: { pingMs: 100 }, signs: [[50, "byte"], ...look(60, 159)], want: [] },
  { name: "silence is asked once", life: { pingMs: 100 }, signs: look(99, 100, 101, 150), want: ["100 ping"] },
  { name: "an answer is a sign of life", life: { pingMs: 100 }, signs: [...look(100), [110, "byte"], ...look(111, 210, 211)], want: ["100 ping", "211 ping"] },
  {
    name: "no answer is the end",
    life: { pingMs: 100, pingTimeoutMs: 30 },
    signs: look(120, 149, 150),
    want: ["120 ping", "150 cut: it does not answer a ping"],
  },
];
for (const { name, life, signs, want } of lives)
  test(`a connection's life: ${name}`, () => {
    const said: string[] = [];
    let [now, received] = [0, 0];
    const say = (what: string) => void said.push(`${now} ${what}`);
    const lived = { received: () => received, ping: () => say("ping"), close: () => say("close"), cut: (why: string) => say(`cut: ${why}`) };
    const lifetime = newLifetime(lived, { life: { ...defaultListenerLife, ...life }, number: 0, now });
    for (const [at, what] of signs) {
      now = at;
      if (what === "byte") received++;
      else lifetime.sweep(now);
    }
    assert.deepEqual(said, want);
  });

test("connections that begin together do not end together", () => {
  const ends = Array.from({ length: 100 }, (_, number) => {
    let end = 0;
    const lifetime = newLifetime(
      { received: () => 0, ping() {}, cut() {}, close: () => (end ||= now) },
      { life: { ...defaultListenerLife, ageMs: 1000 }, number, now: 0 },
    );
    let now = 0;
    for (; now <= 1100; now++) lifetime.sweep(now);
    return end;
  });
  assert.ok(Math.min(...ends) >= 900 && Math.max(...ends) <= 1100);
  assert.ok(new Set(ends).size > 90);
});

test("an old connection is told to go, by GOAWAY, and one that stays is cut", async () => {
  const clock = fakeClock();
  const listener = newListener({ clock, logger: discard(), life: { ageMs: 10_000, graceMs: 5_000 }, onExchange() {} });
  const address = await listener.listen(background(), { host: "127.0.0.1", port: 0 });
  assert.ok("port" in address);
  const session = connect(`http://127.0.0.1:${address.port}`);
  session.on("error", () => {});
  const stream = session.request({ ":path": "/", ":method": "POST" });
  stream.on("error", () => {});
  await once(session, "remoteSettings");
  await new Promise<void>((resolve, reject) => session.ping((err) => (err === null ? resolve() : reject(err))));
  const told = new Promise<number>((resolve) => session.on("goaway", resolve));
  await clock.advance(10_000);
  assert.equal(await told, 0);
  const closed = new Promise<void>((resolve) => session.on("close", resolve));
  await clock.advance(5_000);
  await closed;
  await listener.close();
});

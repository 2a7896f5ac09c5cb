import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { newRoster } from "./roster.ts";
import type { Stream } from "./stream.ts";

/** A roster looks at a stream's number only. */
const streamOf = (id: number): Stream => ({ id }) as Stream;

test("roster: a stream that outlives the ring is found beside those that took its place", () => {
  const roster = newRoster();
  const old = streamOf(1);
  roster.add(old);
  for (let id = 3; id < 2003; id += 2) {
    const stream = streamOf(id);
    roster.add(stream);
    assert.equal(roster.get(id), stream);
    assert.equal(roster.get(1), old);
    roster.remove(stream);
    assert.equal(roster.get(id), undefined);
  }
  assert.equal(roster.size, 1);
  roster.remove(old);
  assert.deepEqual([roster.get(1), roster.size, roster.all()], [undefined, 0, []]);
});

test("roster: does as a map does, whatever comes and goes", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ add: fc.boolean(), which: fc.nat(1000), skip: fc.nat(40) }), { maxLength: 300 }), (steps) => {
      const roster = newRoster();
      const map = new Map<number, Stream>();
      let next = 1;
      for (const { add, which, skip } of steps) {
        if (add || map.size === 0) {
          next += 2 * skip + 2;
          const stream = streamOf(next);
          roster.add(stream);
          map.set(next, stream);
        } else {
          const stream = [...map.values()][which % map.size]!;
          roster.remove(stream);
          map.delete(stream.id);
          assert.equal(roster.get(stream.id), undefined);
        }
        assert.equal(roster.size, map.size);
      }
      for (let id = 1; id <= next + 2; id += 2) assert.equal(roster.get(id), map.get(id));
      assert.deepEqual(
        roster.all().sort((a, b) => a.id - b.id),
        [...map.values()].sort((a, b) => a.id - b.id),
      );
    }),
  );
});

test("roster: empty, it knows nobody, and can begin anew", () => {
  const roster = newRoster();
  for (let id = 1; id < 40; id += 2) roster.add(streamOf(id));
  roster.clear();
  assert.deepEqual([roster.get(1), roster.size, roster.all()], [undefined, 0, []]);
  const stream = streamOf(41);
  roster.add(stream);
  assert.equal(roster.get(41), stream);
});

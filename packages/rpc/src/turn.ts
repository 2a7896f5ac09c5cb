// Data plane. What is written during one turn of the event loop leaves in one write per connection; at low load it leaves at the end of the read that caused it.
// This is the process's one queue of connections with something to say, as setImmediate's is one: it holds no settings and outlives nothing.

import type { Clock } from "@tfs/std";

/** Flushable is a connection that has written frames into its buffer and not into its socket. */
export interface Flushable {
  /** waiting is set while the connection stands in the queue. */
  waiting: boolean;
  flush(): void;
}

/** With no more streams open than two calls through a gateway make, a turn has hardly another read that writing could wait for. */
const calmStreams = 4;

/** The first `count` are in the queue. Cutting an array short costs more than counting. */
const queue: (Flushable | undefined)[] = [];
let count = 0;
let scheduled = false;
let reading = false;
let readNumber = 0;
let reads = 0;
let readsBefore = 0;
let streams = 0;

/** flushLater has a connection flushed at the end of this turn at the latest. */
export function flushLater(connection: Flushable): void {
  if (connection.waiting) return;
  connection.waiting = true;
  queue[count++] = connection;
  if (!scheduled && !reading) schedule();
}

/** beginRead says that bytes of some connection are about to be dealt with; endRead follows, whatever comes of them. */
export function beginRead(): void {
  reading = true;
  readNumber++;
}

/** endRead says that they have been. In calm, and with one read a turn, there is nothing to wait for: everything leaves now. */
export function endRead(): void {
  reading = false;
  if (streams <= calmStreams) {
    flushAll();
    return;
  }
  reads++;
  if (!scheduled) schedule();
  if (readsBefore <= 1 && reads === 1) flushAll();
}

/** readClock gives a clock that reads `clock` once for all that one read brings: thirty calls that came together have come at the same time. */
export function readClock(clock: Clock): Clock {
  let at = 0;
  let time = 0;
  const now = (): number => {
    if (!reading) return clock.now();
    if (at !== readNumber) {
      at = readNumber;
      time = clock.now();
    }
    return time;
  };
  return { now, wallMs: () => clock.wallMs(), after: (ms, fn, options) => clock.after(ms, fn, options) };
}

/** countStreams says that so many more streams are open in the process, or so many less. */
export function countStreams(more: number): void {
  streams += more;
}

/** flushAll writes out every connection that waits. */
export function flushAll(): void {
  for (let i = 0; i < count; i++) {
    const connection = queue[i]!;
    queue[i] = undefined;
    connection.waiting = false;
    connection.flush();
  }
  count = 0;
}

function schedule(): void {
  scheduled = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  scheduled = false;
  readsBefore = reads;
  reads = 0;
  flushAll();
}

// Data plane. What is written during one turn of the event loop leaves in one write per connection; at low load it leaves at the end of the read that caused it.
// This is the process's one queue of connections with something to say, as setImmediate's is one: it holds no settings and outlives nothing.

/** Flushable is a connection that has written frames into its buffer and not into its socket. */
export interface Flushable {
  /** waiting is set while the connection stands in the queue. */
  waiting: boolean;
  flush(): void;
}

const queue: Flushable[] = [];
let scheduled = false;
let reads = 0;
let readsBefore = 0;

/** flushLater has a connection flushed at the end of this turn at the latest. */
export function flushLater(connection: Flushable): void {
  if (connection.waiting) return;
  connection.waiting = true;
  queue.push(connection);
  if (!scheduled) schedule();
}

/** endRead says that one read of some connection has been dealt with. With one read a turn there is nothing to wait for: everything leaves now. */
export function endRead(): void {
  reads++;
  if (!scheduled) schedule();
  if (readsBefore <= 1 && reads === 1) flushAll();
}

/** flushAll writes out every connection that waits. */
export function flushAll(): void {
  for (let i = 0; i < queue.length; i++) {
    const connection = queue[i]!;
    connection.waiting = false;
    connection.flush();
  }
  queue.length = 0;
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

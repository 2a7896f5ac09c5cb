// Data plane. Streams by their number. Numbers of one side go up by two and streams are short, so those that are open lie close together: a ring of places finds them without
// hashing, and the few that live so long that the ring has come round to their place stand aside.
import type { Stream } from "./stream.ts";

const placesAtFirst = 4;
/** The ring has twice as many places as there are streams, up to this many. */
const placesMax = 1 << 16;

/** newRoster makes an empty one. */
export function newRoster(): Roster {
  return new Roster();
}

class Roster {
  #places: (Stream | undefined)[] = [];
  #mask = -1;
  #aside: Map<number, Stream> | undefined = undefined;
  size = 0;

  get(id: number): Stream | undefined {
    const stream = this.#places[(id >> 1) & this.#mask];
    if (stream !== undefined && stream.id === id) return stream;
    return this.#aside === undefined ? undefined : this.#aside.get(id);
  }

  /** add takes a stream whose number is not in it. */
  add(stream: Stream): void {
    this.size++;
    if (this.size * 2 > this.#places.length && this.#places.length < placesMax) this.#grow();
    this.#place(stream);
  }

  /** remove gives up a stream that is in it. */
  remove(stream: Stream): void {
    this.size--;
    const place = (stream.id >> 1) & this.#mask;
    if (this.#places[place] === stream) this.#places[place] = undefined;
    else this.#aside!.delete(stream.id);
  }

  /** all gives the streams as they are now, in no order that means anything. */
  all(): Stream[] {
    const streams = this.#places.filter((stream) => stream !== undefined);
    return this.#aside === undefined ? streams : [...streams, ...this.#aside.values()];
  }

  clear(): void {
    this.#places = [];
    this.#mask = -1;
    this.#aside = undefined;
    this.size = 0;
  }

  /** #place gives a stream its place; whoever has it, being older, stands aside. */
  #place(stream: Stream): void {
    const place = (stream.id >> 1) & this.#mask;
    const before = this.#places[place];
    this.#places[place] = stream;
    if (before === undefined) return;
    this.#aside ??= new Map();
    this.#aside.set(before.id, before);
  }

  #grow(): void {
    const streams = this.all();
    const count = Math.max(placesAtFirst, this.#places.length * 2);
    this.#places = new Array<Stream | undefined>(count).fill(undefined);
    this.#mask = count - 1;
    this.#aside = undefined;
    for (const stream of streams) this.#place(stream);
  }
}
export type { Roster };

// Data plane. Streams whose answer is complete and whose request is not. A reset at once could overtake the answer (RFC 9113, section 8.1), so the client gets a moment. Most need
// less than that, a call that is refused most of all, so that no stream has a timer of its own.
import type { Timer } from "@tfs/std";
import { h2 } from "./frame.ts";
import type { Session } from "./session.ts";
import type { Stream } from "./stream.ts";

/** newLinger begins with none. */
export function newLinger(session: Session): Linger {
  return new Linger(session);
}

class Linger {
  readonly #session: Session;
  /**
   * The streams, and since when, on the clock, the oldest first. Another map once they have all left: one that many pass through leaves tables behind that hold on to what passed through
   * them, and to each other, until V8 collects old garbage too.
   */
  #since = new Map<Stream, number>();
  #timer: Timer | undefined = undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  add(stream: Stream): void {
    this.#since.set(stream, this.#session.options.clock.now());
    if (this.#timer === undefined) this.#arm(this.#session.limits.lingerMs);
  }

  delete(stream: Stream): void {
    if (this.#since.delete(stream) && this.#since.size === 0) this.#since = new Map();
  }

  /** stop forgets all. */
  stop(): void {
    this.#since.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    this.#timer = this.#session.options.clock.after(ms, () => this.#end(), { background: true });
  }

  /** #end resets those that have had their time. */
  #end(): void {
    const { options, limits, streams } = this.#session;
    const now = options.clock.now();
    this.#timer = undefined;
    for (const [stream, since] of this.#since) {
      const left = since + limits.lingerMs - now;
      if (left > 0) return void this.#arm(left);
      streams.reset(stream, h2.noError);
    }
  }
}
export type { Linger };

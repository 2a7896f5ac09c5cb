// Data plane: from a run's tensors to a thread and back.
import { Code, type Ctx, type Failure, newError, remainingMs } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { Took } from "../../engine.ts";
import { newRuns } from "../../native/index.ts";
import { buffersOf, type Deaths, type Done, newStay, type Stay, type There, unpack } from "../../thread/index.ts";
import type { Life, Request, Seed } from "./messages.ts";
import type { Place } from "./pool.ts";
import { newRooms } from "./rooms.ts";

/** How is what is to be known of a run besides: who hears how long it took, and whether it may change the model's state. */
export interface How {
  readonly took?: Took;
  readonly changes: boolean;
}

/** stranded is what is told of a thread that died of what it was asked before. */
const stranded: Failure = newError(Code.Unavailable, "the embedded engine's thread has died of another run");

/**
 * Copy is a model in a thread of the pool. A thread that dies takes it along; the next run brings it there again, as its seed has it. A thread dies of the first
 * of what it has not answered: the others begin once more, if they change no state.
 */
class Copy {
  readonly place: Place;
  readonly #deaths: Deaths;
  readonly #runs = newRuns();
  readonly #rooms = newRooms();
  readonly #stay: Stay<Request, Done, undefined>;
  #closed: Promise<void> | undefined;

  constructor(place: Place, seed: () => Seed, deaths: Deaths) {
    this.place = place;
    this.#deaths = deaths;
    this.#stay = newStay({
      thread: place.thread,
      bring: async () => {
        const life = await this.#life();
        const { model } = await this.#call(life, { kind: "take", seed: seed() });
        return { life, model: model! }; // that is what a take is answered with
      },
      drop: (model) => ({ kind: "drop", model }),
    });
  }

  /** prepare brings the model into its thread. */
  async prepare(): Promise<void> {
    await surviving(() => this.#there());
  }

  /** run runs the model in its thread. A run that nobody waits for any more ends between two of its steps. */
  async run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], { took, changes }: How): Promise<readonly Tensor[]> {
    if (this.#closed !== undefined) throw newError(Code.Unavailable, "the model has been unloaded");
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const once = (): Promise<readonly Tensor[]> => this.#ask(ctx, feeds, fetches, { stop, took });
    try {
      return await this.#runs.run(
        (work) => this.place.gate.run(ctx, work),
        () => (changes ? once() : surviving(once)),
      );
    } finally {
      Atomics.store(stop, 0, 1);
    }
  }

  async #ask(
    ctx: Ctx,
    feeds: ReadonlyMap<string, Tensor>,
    fetches: readonly string[],
    { stop, took }: { readonly stop: Int32Array; readonly took: Took | undefined },
  ): Promise<readonly Tensor[]> {
    const { life, model } = await this.#there();
    const { packed: tensors, give } = this.#rooms.take([...feeds.values()]);
    try {
      const asked = { kind: "run", model, feeds: [...feeds.keys()], tensors, fetches, leftMs: remainingMs(ctx), stop } as const;
      const { tensors: got = [], ms = 0 } = await this.#call(life, asked, buffersOf(tensors));
      took?.(ms);
      return got.map(unpack);
    } finally {
      give();
    }
  }

  /** #there gives where the model is, and brings it there if it is not. */
  async #there(): Promise<There<Request, Done, undefined>> {
    this.#deaths.check();
    return await this.#stay.there();
  }

  async #life(): Promise<Life> {
    try {
      return await this.place.thread.life();
    } catch (err) {
      this.#deaths.add(); // it does not begin
      throw err;
    }
  }

  /** #call asks the thread, and tells of whom it died if it does. */
  async #call(life: Life, request: Request, transfer?: readonly ArrayBuffer[]): Promise<Done> {
    try {
      return await life.call(request, transfer);
    } catch (err) {
      if (!life.ended) throw err;
      if (life.endedOn !== request) throw stranded;
      this.#deaths.add();
      throw err;
    }
  }

  /** close waits for runs in flight, and takes the model out of the thread. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#runs.over();
    await this.#stay.end();
  }
}
export type { Copy };

/** surviving does again what a thread's death has ended that was none of its doing. */
async function surviving<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    if (err !== stranded) throw err;
    return await work();
  }
}

export function newCopy(place: Place, seed: () => Seed, deaths: Deaths): Copy {
  return new Copy(place, seed, deaths);
}

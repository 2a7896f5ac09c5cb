// Data plane: where a run takes place. Short ones stay in the event loop, long ones go to threads.
import type { MetaGraphDef } from "@tfs/proto";
import { Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";
import type { LoadedModel, Took } from "../../engine.ts";
import { newCount } from "../../native/index.ts";
import { type Deaths, newDeaths } from "../../thread/index.ts";
import { left, newLeash } from "../leash.ts";
import type { Model } from "../model.ts";
import { bytesOf, collect, laidBytes, newCommon } from "../simd/index.ts";
import { type Copy, newCopy } from "./copy.ts";
import { type Kinds, maxMs, newKinds } from "./kinds.ts";
import type { Seed } from "./messages.ts";
import type { Place, Pool } from "./pool.ts";
import { shared } from "./seed.ts";

/** By the clock a run is given up later than by what its steps are known to take: others may have had the processor. */
const patienceMs = 20;
/** Copies of one model together hold at most so much beyond one: what is computed once of its weights, each has for itself. */
const maxCopiesBytes = 2 ** 30;
/** A model whose runs have ended their thread so often within a minute is run no more until that is past. */
const maxDeaths = 5;
/** A memory does not shrink: one that has grown past its weights by so much for each copy is let go, with the copies. */
const spareBytes = 2 ** 28;

export interface PooledOptions {
  readonly model: Model;
  /** metaGraphBytes gives the encoding of the model's meta-graph. */
  readonly metaGraphBytes: () => Uint8Array;
  readonly pool: Pool;
  /** smallBytes is what a model may hold whose runs begin here. Those of a larger one begin in threads, until they are known to be quick: to lay out its weights takes long, too. */
  readonly smallBytes: number;
}

/**
 * PooledModel is a model that runs here while it is quick, and in threads when it is not. A run begins here, and where it turns out to take long it is given up
 * and begins again in a thread; its kind goes there at once from then on. What changes the model's state is in one place at a time: here, or, when such a run took
 * long, in one thread for good. A thread that dies takes the changes along.
 */
class PooledModel implements LoadedModel {
  readonly metaGraph: MetaGraphDef;
  readonly #model: Model;
  readonly #metaGraphBytes: () => Uint8Array;
  readonly #places: readonly Place[];
  readonly #kinds: Kinds;
  readonly #maxCopies: number;
  readonly #deaths: Deaths;
  readonly #copies = new Map<Place, Copy>();
  /** #quick is true until a run belongs elsewhere. */
  #quick: boolean;
  /** #memory is what the copies have in common. */
  #memory: WebAssembly.Memory | undefined;
  /** #single is true when a run may have changed the state: then all are in one place. */
  #single = false;
  #moving: Promise<void> | undefined;
  /** #runs are all that are under way, #runsHere those in the event loop. */
  readonly #runs = newCount();
  readonly #runsHere = newCount();
  /** #closing are copies that wait for their last runs. */
  readonly #closing = new Set<Promise<void>>();
  #over: Promise<void> | undefined;

  constructor({ model, metaGraphBytes, pool, smallBytes }: PooledOptions) {
    this.metaGraph = model.metaGraph;
    this.#model = model;
    this.#metaGraphBytes = metaGraphBytes;
    this.#places = pool.places;
    this.#deaths = newDeaths({
      clock: pool.clock,
      max: maxDeaths,
      message: `the model has ended its thread ${maxDeaths} times within a minute: it is not run until that is past`,
    });
    const bytes = model.estimateBytes();
    this.#quick = bytes <= smallBytes;
    this.#kinds = newKinds(model.metaGraph, this.#quick);
    this.#maxCopies = 1 + Math.floor(maxCopiesBytes / (bytes + 1));
  }

  estimateBytes(): number {
    return this.#model.estimateBytes();
  }

  /** prepare brings the model to where its first run will be, if that is not here. */
  async prepare(): Promise<void> {
    if (!this.#quick) await this.#pick().prepare();
  }

  async run(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took?: Took): Promise<readonly Tensor[]> {
    if (this.#over !== undefined) throw newError(Code.Unavailable, "the model has been unloaded");
    this.#runs.enter();
    try {
      const got = this.#quick ? await this.#here(ctx, feeds, fetches, took) : undefined;
      return got ?? (await this.#anywhere(ctx, feeds, fetches, took));
    } finally {
      this.#runs.leave();
    }
  }

  async #anywhere(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took: Took | undefined): Promise<readonly Tensor[]> {
    while (this.#moving !== undefined) await this.#moving;
    throwIfDone(ctx);
    const kind = this.#kinds.of(feeds, fetches);
    if (kind.changes) this.#settle();
    const isAway = this.#single && this.#copies.size > 0;
    if (kind.isHere && !isAway) {
      const got = await this.#here(ctx, feeds, fetches, took);
      if (got !== undefined) return got;
    }
    const copy = this.#single ? await this.#move() : this.#pick();
    const tell = (ms: number): void => {
      kind.ranThere(ms);
      took?.(ms);
    };
    try {
      return await copy.run(ctx, feeds, fetches, { took: tell, changes: kind.changes });
    } finally {
      this.#trim();
    }
  }

  /** #here runs in the event loop, and gives nothing if that takes too long. */
  async #here(ctx: Ctx, feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[], took: Took | undefined): Promise<readonly Tensor[] | undefined> {
    const tell = (ms: number): void => {
      took?.(ms);
      if (this.#quick && ms <= maxMs && !leash.wasLong) return;
      this.#quick = false;
      const kind = this.#kinds.of(feeds, fetches);
      if (leash.wasLong) kind.left();
      else kind.ranHere(ms);
    };
    const leash = newLeash(maxMs, patienceMs);
    this.#runsHere.enter();
    try {
      return await this.#model.tryRun(ctx, feeds, fetches, { took: tell, leash });
    } catch (err) {
      if (err !== left) throw err;
      this.#quick = false;
      this.#kinds.of(feeds, fetches).left();
      return undefined;
    } finally {
      this.#runsHere.leave();
    }
  }

  /** #settle gives up all copies when the state is to change: they would go on with what it was. */
  #settle(): void {
    if (this.#single) return;
    this.#single = true;
    this.#giveUp();
  }

  #giveUp(): void {
    for (const copy of this.#copies.values()) {
      const closing = copy.close().finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    }
    this.#copies.clear();
    this.#memory = undefined;
  }

  #trim(): void {
    const memory = this.#memory;
    if (memory !== undefined && bytesOf(memory) > laidBytes(memory) + this.#copies.size * spareBytes) {
      this.#giveUp();
      void Promise.all(this.#closing).then(collect);
    }
  }

  /** #move gives the one copy that changes its state, when all runs here have ended. */
  async #move(): Promise<Copy> {
    for (;;) {
      const [home] = this.#copies.values();
      if (home !== undefined) return home;
      this.#moving ??= this.#moveAway().finally(() => (this.#moving = undefined));
      await this.#moving;
    }
  }

  async #moveAway(): Promise<void> {
    await this.#runsHere.none();
    const seed = this.#seed(undefined);
    this.#copyTo(this.#best(this.#places), () => seed);
  }

  /** #pick gives a copy for one run: there where it waits least, and rather where the model is already. */
  #pick(): Copy {
    const place = this.#best(this.#copies.size < this.#maxCopies ? this.#places : [...this.#copies.keys()]);
    const found = this.#copies.get(place);
    if (found !== undefined) return found;
    this.#memory ??= newCommon();
    const memory = this.#memory;
    return this.#copyTo(place, () => this.#seed(memory));
  }

  #best(places: readonly Place[]): Place {
    const cost = (place: Place): number => 2 * place.gate.busy + (this.#copies.has(place) ? 0 : 1);
    return places.reduce((best, place) => (cost(place) < cost(best) ? place : best));
  }

  #copyTo(place: Place, seed: () => Seed): Copy {
    const copy = newCopy(place, seed, this.#deaths);
    this.#copies.set(place, copy);
    return copy;
  }

  #seed(memory: WebAssembly.Memory | undefined): Seed {
    return { metaGraph: this.#metaGraphBytes(), holding: shared(this.#model.holding()), memory };
  }

  close(): Promise<void> {
    this.#over ??= this.#close();
    return this.#over;
  }

  async #close(): Promise<void> {
    await this.#runs.none();
    this.#giveUp();
    await Promise.all([this.#model.close(), ...this.#closing]);
  }
}
export type { PooledModel };

/** newPooledModel takes a model that has been restored; closing it closes that. The pool has at least one thread. */
export function newPooledModel(options: PooledOptions): PooledModel {
  return new PooledModel(options);
}

import type { MetaGraphDef } from "@tfs/proto";
import type { Tensor } from "@tfs/tensor";
import { changesState } from "../compile.ts";
import { libraryOf } from "../flat.ts";
import { opsReached } from "../reach.ts";
import { bytesOf } from "../value.ts";

/** Kinds kept per model: clients choose what they feed and fetch. */
const maxKinds = 256;
/** A run that takes longer belongs in a thread, if that was not chance: so many have to, one after the other. */
export const maxMs = 2;
const maxLong = 5;
/** One that takes less belongs here; likewise, and a kind may come back so often. */
const minMs = 1;
const minShort = 3;
const maxReturns = 3;

/** Kind is what is known of runs that feed and fetch the same, of about the same size. */
export interface Kind {
  /** changes tells whether such a run may change the model's state. */
  readonly changes: boolean;
  /** isHere tells whether it belongs here, and not in a thread. */
  readonly isHere: boolean;
  /** left says that one was given up because it took too long here, or should have been. */
  left(): void;
  /** ranHere and ranThere say how long one took. */
  ranHere(ms: number): void;
  ranThere(ms: number): void;
}

export interface Kinds {
  of(feeds: ReadonlyMap<string, Tensor>, fetches: readonly string[]): Kind;
}

/** newKinds remembers those of a model. */
export function newKinds({ graphDef }: MetaGraphDef, beginsHere: boolean): Kinds {
  const kinds = new Map<string, Kind>();
  const changing = new Map<string, boolean>();

  function changes(fetches: readonly string[]): boolean {
    return graphDef !== undefined && [...opsReached(graphDef, libraryOf(graphDef), fetches)].some(changesState);
  }

  return {
    of(feeds, fetches) {
      const asked = fetches.join("\0");
      let bytes = 0;
      for (const tensor of feeds.values()) bytes += bytesOf(tensor);
      const key = `${[...feeds.keys()].sort().join("\0")}\0\0${asked}\0\0${Math.ceil(Math.log2(bytes + 1))}`;
      return remembered(kinds, key, () =>
        newKind(
          beginsHere,
          remembered(changing, asked, () => changes(fetches)),
        ),
      );
    },
  };
}

function remembered<T>(map: Map<string, T>, key: string, make: () => T): T {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    if (map.size >= maxKinds) map.delete(map.keys().next().value!); // the oldest
    map.set(key, found);
  }
  return found;
}

function newKind(beginsHere: boolean, changes: boolean): Kind {
  let [isHere, long, short, returns] = [beginsHere, 0, 0, 0];
  return {
    changes,
    get isHere() {
      return isHere;
    },
    left() {
      [isHere, short] = [false, 0];
    },
    ranHere(ms) {
      long = ms > maxMs ? long + 1 : 0;
      if (long >= maxLong) [isHere, long, short] = [false, 0, 0];
    },
    ranThere(ms) {
      short = ms < minMs ? short + 1 : 0;
      if (short < minShort || returns >= maxReturns) return;
      returns++;
      [isHere, long] = [true, 0];
    },
  };
}

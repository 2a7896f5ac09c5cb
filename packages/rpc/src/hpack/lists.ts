// Data plane. Lists of a connection repeat themselves even where their blocks do not. The same fields are given out as the same object, so that what hangs on
// it (an encoded block, a reader's memo, whether it is malformed) is worked out once.
import { type Fields, newFields } from "../fields.ts";
import { type Entry, faultOf } from "./entry.ts";

/** Known is a list that came before. */
export interface Known {
  readonly fields: Fields;
  readonly malformed: string | undefined;
}

const listsMax = 4;

/** newLists makes a cache for one connection. `check` says what is wrong with fields taken together. */
export function newLists(check: (list: Fields["list"]) => string | undefined): Lists {
  return new Lists(check);
}

/** Lists is a cache of the lists that came last, the likeliest first. */
class Lists {
  readonly #check: (list: Fields["list"]) => string | undefined;
  readonly #known: Known[] = [];

  constructor(check: (list: Fields["list"]) => string | undefined) {
    this.#check = check;
  }

  /** take gives the list of the first `count` entries. */
  take(entries: readonly Entry[], count: number): Known {
    const known = this.#known;
    for (let i = 0; i < known.length; i++) {
      const candidate = known[i]!;
      if (!same(candidate.fields.list, entries, count)) continue;
      if (i > 0) {
        known[i] = known[i - 1]!;
        known[i - 1] = candidate;
      }
      return candidate;
    }
    const made = this.#make(entries, count);
    if (known.length >= listsMax) known.pop();
    known.push(made);
    return made;
  }

  #make(entries: readonly Entry[], count: number): Known {
    let malformed: string | undefined;
    const list: Entry["field"][] = [];
    for (let i = 0; i < count; i++) {
      const entry = entries[i]!;
      list.push(entry.field);
      malformed ??= faultOf(entry);
    }
    return { fields: newFields(list), malformed: malformed ?? this.#check(list) };
  }
}
export type { Lists };

/** same compares from the end, where lists differ if they do; by identity first, since tables and literals that come again are the same objects. */
function same(list: Fields["list"], entries: readonly Entry[], count: number): boolean {
  if (list.length !== count) return false;
  for (let i = count - 1; i >= 0; i--) {
    const a = list[i]!;
    const b = entries[i]!.field;
    if (a !== b && (a.value !== b.value || a.name !== b.name || a.sensitive !== b.sensitive)) return false;
  }
  return true;
}

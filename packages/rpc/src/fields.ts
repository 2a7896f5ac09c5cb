/** Field is one header or trailer field. It never changes, so that blocks, connections and both directions may share it. */
export interface Field {
  /** Lower case; pseudo-fields start with a colon. */
  readonly name: string;
  readonly value: string;
  /** sensitive fields must not enter a compression table, here or further on (RFC 7541, section 7.1.3). */
  readonly sensitive: boolean;
  /** encoded is the field as HPACK writes it without touching a table; made by the encoder when first needed. */
  encoded: Uint8Array | undefined;
}

/** newField makes a field; it checks nothing. */
export function newField(name: string, value: string, sensitive = false): Field {
  return { name, value, sensitive, encoded: undefined };
}

/** newFields makes a list of fields, pseudo-fields first. */
export function newFields(list: readonly Field[]): Fields {
  return new Fields(list, undefined, none);
}

/** moreFields makes a list of `base` and more behind it. What was made of a base that comes again and again, as text or as a block, serves for the whole. */
export function moreFields(base: Fields, more: readonly Field[]): Fields {
  return more.length === 0 ? base : new Fields([...base.list, ...more], base, more);
}

const none: readonly Field[] = [];

/** fieldsOf makes fields of name, value pairs. */
export function fieldsOf(...pairs: readonly (readonly [name: string, value: string])[]): Fields {
  return newFields(pairs.map(([name, value]) => newField(name, value)));
}

/** Fields is a list of fields in the order in which they came or are to go. The list never changes; what hangs on it is a cache. */
class Fields {
  readonly list: readonly Field[];
  /** base is the list that `more` was put behind; undefined if there was none. */
  readonly base: Fields | undefined;
  readonly more: readonly Field[];
  /** block is the whole list in HPACK's stateless form; made by the encoder when first needed. */
  block: Uint8Array | undefined = undefined;
  /** memo is for whoever reads these fields: what it made of them once holds for as long as the same object comes again. */
  memo: unknown = undefined;
  /** trailers is what keeps the list from being trailers, for who checks that; "unknown" before. */
  trailers: string | undefined = "unknown";
  #announced: number | undefined = undefined;
  #bytes = -1;

  constructor(list: readonly Field[], base: Fields | undefined, more: readonly Field[]) {
    this.list = list;
    this.base = base;
    this.more = more;
  }

  /** get gives the value of the first field of that name. */
  get(name: string): string | undefined {
    const { list } = this;
    for (let i = 0; i < list.length; i++) if (list[i]!.name === name) return list[i]!.value;
    return undefined;
  }

  /** announced is the content-length; -1 if there is none, -2 if it is no number. */
  get announced(): number {
    if (this.#announced === undefined) {
      const text = this.get("content-length");
      if (text === undefined) this.#announced = -1;
      else this.#announced = /^\d{1,15}$/.test(text) ? Number(text) : -2;
    }
    return this.#announced;
  }

  /** bytes is the list's size as RFC 9113, section 6.5.2, counts it: 32 more than its text for each field. */
  get bytes(): number {
    if (this.#bytes < 0) this.#bytes = this.list.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
    return this.#bytes;
  }

  /** all gives the values of every field of that name. */
  all(name: string): readonly string[] {
    return this.list.filter((field) => field.name === name).map((field) => field.value);
  }
}
export type { Fields };

import { type Field, newField } from "../fields.ts";
import { fieldFault } from "./check.ts";

/** Entry is a field as tables and caches hold it, with what is worked out once. */
export interface Entry {
  readonly field: Field;
  /** bytes is what the field counts in a table (RFC 7541, section 4.1) and in a list (RFC 9113, section 6.5.2). */
  readonly bytes: number;
  /** fault is for faultOf alone; null: not looked for yet. */
  fault: string | undefined | null;
}

const overhead = 32;

/** newEntry makes a field. It looks at no letter of it: a few bytes may ask for many copies of a long name. */
export function newEntry(name: string, value: string, sensitive = false): Entry {
  return { field: newField(name, value, sensitive), bytes: name.length + value.length + overhead, fault: null };
}

/** faultOf says what is wrong with a field by itself; undefined if nothing is. It looks once. */
export function faultOf(entry: Entry): string | undefined {
  if (entry.fault === null) entry.fault = fieldFault(entry.field);
  return entry.fault;
}

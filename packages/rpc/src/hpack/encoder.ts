// RFC 7541, section 6.2: fields into header blocks, without a table. A field is then the same bytes on every connection, and is encoded once.
import type { Field, Fields } from "../fields.ts";
import { writeInteger } from "./integer.ts";
import { staticEntries } from "./static.ts";

/** Where static fields, and the first of each name, are. */
const byField = new Map<string, number>();
const byName = new Map<string, number>();
staticEntries.forEach(({ field: { name, value } }, index) => {
  if (index === 0) return;
  byField.set(`${name}\0${value}`, index);
  if (!byName.has(name)) byName.set(name, index);
});

/** encodeField gives the bytes of one field, made when first asked for. */
export function encodeField(field: Field): Uint8Array {
  field.encoded ??= encode(field.name, field.value, field.sensitive);
  return field.encoded;
}

/** encodeFields gives the block of a whole list, made when first asked for. */
export function encodeFields(fields: Fields): Uint8Array {
  fields.block ??= Buffer.concat(fields.list.map(encodeField));
  return fields.block;
}

/** writeField writes a field straight into `target` at `offset`, and gives the offset behind it. For fields that are made per request; names are looked up once. */
export function writeField(target: Uint8Array, offset: number, name: string, value: string): number {
  let prefix = prefixes.get(name);
  if (prefix === undefined) {
    prefix = nameOf(name, 0);
    if (prefixes.size < prefixesMax) prefixes.set(name, prefix);
  }
  target.set(prefix, offset);
  let at = writeInteger(target, offset + prefix.length, 0x7f, 0, value.length);
  for (let i = 0; i < value.length; i++) target[at++] = value.charCodeAt(i);
  return at;
}

const prefixes = new Map<string, Uint8Array>();
const prefixesMax = 64;

/** encodeTableSize gives the update that says how much of a table is used, for a peer that lowered its limit (section 6.3). */
export function encodeTableSize(bytes: number): Uint8Array {
  const target = new Uint8Array(6);
  return target.subarray(0, writeInteger(target, 0, 0x1f, 0x20, bytes));
}

function encode(name: string, value: string, sensitive: boolean): Uint8Array {
  const index = sensitive ? undefined : byField.get(`${name}\0${value}`);
  if (index !== undefined) return Uint8Array.of(0x80 | index);
  const prefix = nameOf(name, sensitive ? 0x10 : 0);
  const target = Buffer.allocUnsafe(prefix.length + 6 + value.length);
  target.set(prefix);
  const at = writeInteger(target, prefix.length, 0x7f, 0, value.length);
  return target.subarray(0, at + target.write(value, at, "latin1"));
}

/** nameOf is the first part of a literal: its kind, and its name by index or in full. */
function nameOf(name: string, kind: number): Uint8Array {
  const target = Buffer.allocUnsafe(12 + name.length);
  const index = byName.get(name);
  if (index !== undefined) return target.subarray(0, writeInteger(target, 0, 0x0f, kind, index));
  target[0] = kind;
  const at = writeInteger(target, 1, 0x7f, 0, name.length);
  return target.subarray(0, at + target.write(name, at, "latin1"));
}

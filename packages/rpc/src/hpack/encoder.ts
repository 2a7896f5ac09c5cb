// Data plane. RFC 7541, section 6.2: fields into header blocks, without a table. A field is then the same bytes on every connection, and is encoded once.
import type { Field, Fields } from "../fields.ts";
import { integerBytes, writeInteger } from "./integer.ts";
import { staticEntries } from "./static.ts";

/** Where each name comes first in the static table; its other values follow it there. */
const byName = new Map<string, number>();
for (let i = staticEntries.length - 1; i > 0; i--) byName.set(staticEntries[i]!.field.name, i);

const plainKind = 0x00;
const sensitiveKind = 0x10;
const namePrefix = 0x0f;
const textPrefix = 0x7f;

/** encodeField gives the bytes of one field, made when first asked for. */
export function encodeField(field: Field): Uint8Array {
  field.encoded ??= encode(field.name, field.value, field.sensitive);
  return field.encoded;
}

/** encodeFields gives the block of a whole list, made when first asked for. */
export function encodeFields(fields: Fields): Uint8Array {
  return (fields.block ??= fields.base === undefined ? encodeList(nothing, fields.list) : encodeList(encodeFields(fields.base), fields.more));
}

/** encodeList puts the fields of a list behind a block. */
function encodeList(before: Uint8Array, list: readonly Field[]): Uint8Array {
  let bytes = before.length;
  for (let i = 0; i < list.length; i++) bytes += encodeField(list[i]!).length;
  const block = Buffer.allocUnsafe(bytes);
  block.set(before, 0);
  let at = before.length;
  for (let i = 0; i < list.length; i++) {
    const encoded = list[i]!.encoded!;
    block.set(encoded, at);
    at += encoded.length;
  }
  return block;
}

const nothing = new Uint8Array(0);

/** fieldBytes is how many bytes writeField writes. */
export function fieldBytes(name: string, value: string): number {
  const index = byName.get(name);
  return (index === undefined ? 1 + textBytes(name) : integerBytes(namePrefix, index)) + textBytes(value);
}

/** writeField writes a field straight into `target` at `offset`, and gives the offset behind it. For fields that are made per request. */
export function writeField(target: Uint8Array, offset: number, name: string, value: string): number {
  return writeLiteral(target, offset, plainKind, byName.get(name) ?? 0, name, value);
}

/** encodeTableSize gives the update that says how much of a table is used, for a peer that lowered its limit (section 6.3). */
export function encodeTableSize(bytes: number): Uint8Array {
  const target = new Uint8Array(6);
  return target.subarray(0, writeInteger(target, 0, 0x1f, 0x20, bytes));
}

function encode(name: string, value: string, sensitive: boolean): Uint8Array {
  const index = byName.get(name) ?? 0;
  if (index > 0 && !sensitive) {
    for (let i = index; i < staticEntries.length; i++) {
      const { field } = staticEntries[i]!;
      if (field.name !== name) break;
      if (field.value === value) return Uint8Array.of(0x80 | i);
    }
  }
  const target = Buffer.allocUnsafe(fieldBytes(name, value));
  writeLiteral(target, 0, sensitive ? sensitiveKind : plainKind, index, name, value);
  return target;
}

function writeLiteral(target: Uint8Array, offset: number, kind: number, index: number, name: string, value: string): number {
  let at = writeInteger(target, offset, namePrefix, kind, index);
  if (index === 0) at = writeText(target, at, name);
  return writeText(target, at, value);
}

function textBytes(text: string): number {
  return integerBytes(textPrefix, text.length) + text.length;
}

function writeText(target: Uint8Array, offset: number, text: string): number {
  const { length } = text;
  const at = writeInteger(target, offset, textPrefix, 0, length);
  for (let i = 0; i < length; i++) target[at + i] = text.charCodeAt(i);
  return at + length;
}

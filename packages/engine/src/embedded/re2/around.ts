import { At } from "./parse.ts";

/** What kind of byte stands on one side of a place: none is the text's edge. */
export const Kind = { none: 0, newline: 1, word: 2, other: 3 } as const;

export function kindOf(byte: number | undefined): number {
  if (byte === undefined) return Kind.none;
  if (byte === 0x0a) return Kind.newline;
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x7a) || byte === 0x5f ? Kind.word : Kind.other;
}

/** holdsBetween gives the assertions that hold between bytes of two kinds. */
export function holdsBetween(before: number, after: number): number {
  let holds = (before === Kind.word) === (after === Kind.word) ? At.noWordBoundary : At.wordBoundary;
  if (before === Kind.none) holds |= At.beginText;
  if (before <= Kind.newline) holds |= At.beginLine;
  if (after === Kind.none) holds |= At.endText;
  if (after <= Kind.newline) holds |= At.endLine;
  return holds;
}

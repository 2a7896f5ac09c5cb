// What RE2 knows of Unicode, asked of JavaScript's own tables: they may be of a newer version of Unicode than RE2's, by which new characters differ.
import type { Ranges } from "./ranges.ts";

/** Where properties are looked for: planes that are not there have none, surrogates and planes of private use are one category each. */
const assigned: Ranges = [0, 0xd7ff, 0xe000, 0x3ffff, 0xe0000, 0xe0fff];
const categories = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;
/** Scripts whose full name has four letters. Any other name of four letters is a script's code, which RE2 does not know. */
const short = new Set(["Cham", "Kawi", "Lisu", "Thai", "Toto"]);
const found = new Map<string, Ranges | undefined>();

/** propertyOf gives a general category or a script by its full name, as in \p{Greek}; undefined if RE2 has none of that name. */
export function propertyOf(name: string): Ranges | undefined {
  if (name === "Any") return [0, 0x10ffff];
  if (name === "C") return ["Cc", "Cf", "Co", "Cs"].flatMap((part) => propertyOf(part) ?? []); // without what is unassigned
  if (name === "Cs") return [0xd800, 0xdfff];
  if (name === "Co") return [0xe000, 0xf8ff, 0xf0000, 0xffffd, 0x100000, 0x10fffd];
  if (!categories.test(name) && (!/^[A-Z][A-Za-z_]+$/.test(name) || (name.length === 4 && !short.has(name)))) return undefined;
  if (/^(?:Unknown|Katakana_Or_Hiragana)$/.test(name)) return undefined;
  if (found.has(name)) return found.get(name);
  let property: RegExp;
  try {
    property = new RegExp(`\\p{${categories.test(name) ? "gc" : "Script"}=${name}}+`, "gu");
  } catch {
    return undefined; // no such script
  }
  const ranges = scan(property);
  found.set(name, ranges);
  return ranges;
}

function scan(property: RegExp): Ranges {
  const out: number[] = [];
  for (let i = 0; i < assigned.length; i += 2) {
    for (let lo = assigned[i]!; lo <= assigned[i + 1]!; lo += 0x1000) {
      const all = Array.from({ length: Math.min(0x1000, assigned[i + 1]! - lo + 1) }, (_, k) => lo + k);
      const width = lo < 0x10000 ? 1 : 2; // a chunk lies on one side of it
      for (const match of String.fromCodePoint(...all).matchAll(property)) {
        const first = lo + match.index / width;
        out.push(first, first + match[0].length / width - 1);
      }
    }
  }
  return out;
}

let orbits: ReadonlyMap<number, readonly number[]> | undefined;

/** folded gives ranges with all that differs from them in case only. */
export function folded(ranges: Ranges): Ranges {
  const out = [...ranges];
  const ascii = ranges.every((rune) => rune < 0x80);
  orbits ??= ascii ? undefined : caseOrbits();
  for (const [rune, orbit] of orbits ?? asciiOrbits) {
    for (let i = 0; i < ranges.length; i += 2) if (rune >= ranges[i]! && rune <= ranges[i + 1]!) for (const other of orbit) out.push(other, other);
  }
  return out;
}

/** What the letters of ASCII fold to: each other, K and the sign of Kelvin, s and the long s. */
const asciiOrbits: ReadonlyMap<number, readonly number[]> = new Map(
  Array.from({ length: 26 }, (_, i) => [0x41 + i, 0x61 + i])
    .map((pair) => (pair[0] === 0x4b ? [...pair, 0x212a] : pair[0] === 0x53 ? [...pair, 0x17f] : pair))
    .flatMap((orbit) => [
      [orbit[0]!, orbit],
      [orbit[1]!, orbit],
    ]),
);

/** caseOrbits groups what is equal by simple case folding: k, K and the sign of Kelvin are one group. */
function caseOrbits(): ReadonlyMap<number, readonly number[]> {
  const cased = scan(/\p{Changes_When_Casemapped}+/gu);
  const groups = new Map<number, number[]>();
  const groupOf = (rune: number): number[] => {
    let group = groups.get(rune);
    if (group === undefined) {
      group = [rune];
      groups.set(rune, group);
    }
    return group;
  };
  for (let i = 0; i < cased.length; i += 2) {
    for (let rune = cased[i]!; rune <= cased[i + 1]!; rune++) {
      const text = String.fromCodePoint(rune);
      for (const other of [text.toLowerCase(), text.toUpperCase()]) {
        const to = other.codePointAt(0)!;
        if (to === rune || String.fromCodePoint(to) !== other) continue; // only what is one character folds simply
        const [mine, theirs] = [groupOf(rune), groupOf(to)];
        if (mine === theirs || !new RegExp(`^\\u{${rune.toString(16)}}$`, "iu").test(other)) continue;
        for (const member of theirs) {
          mine.push(member);
          groups.set(member, mine);
        }
      }
    }
  }
  return groups;
}

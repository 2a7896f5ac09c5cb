import { newAutomaton } from "./automaton.ts";
import { type Marks, newCaptures } from "./captures.ts";
import { parse } from "./parse.ts";
import { compile } from "./program.ts";
import type { Steps } from "./steps.ts";

/** Regexp is a compiled pattern. It keeps some MiB at the most, whatever texts it sees. */
export interface Regexp {
  /** groups counts those that capture. */
  readonly groups: number;
  /** find gives the first match at or after a place: its own two places and those of the groups below `groups`. */
  find(text: Uint8Array, from: number, groups: number, steps: Steps): Marks | undefined;
  /** matches tells whether the pattern matches all of a text. */
  matches(text: Uint8Array, steps: Steps): boolean;
}

/**
 * newRegexp compiles a pattern of RE2's syntax, in UTF-8. As in RE2 the time of a search grows with the length of the text times that of the pattern, never faster.
 * Errors are InvalidArgument with RE2's words; a pattern that needs more memory than RE2 allows fails too.
 */
export function newRegexp(pattern: Uint8Array): Regexp {
  const { tree, groups } = parse(pattern);
  const forward = compile(tree, false);
  const backward = compile(tree, true);
  const ends = newAutomaton(forward, { start: forward.search, longest: false, reversed: false });
  const begins = newAutomaton(backward, { start: backward.start, longest: true, reversed: true });
  const whole = newAutomaton(forward, { start: forward.start, longest: true, reversed: false });
  const captures = newCaptures(forward);
  return {
    groups,
    find(text, from, wanted, steps) {
      const end = ends.run(text, from, text.length, steps);
      if (end < 0) return undefined;
      const begin = begins.run(text, end, from, steps);
      return wanted === 1 ? [begin, end] : captures(text, begin, end, wanted, steps);
    },
    matches: (text, steps) => whole.run(text, 0, text.length, steps) === text.length,
  };
}

import { setFlagsFromString } from "node:v8";

/**
 * linearRegExps lets V8 go over to its engine without backtracking when a regular expression backtracks too often: it takes linear time then, as RE2 always does. What that
 * engine cannot do stays as it is: characters beyond ASCII in the pattern, and counted repetitions of more than a few. It is a setting of the whole process, for programs
 * to make, not for libraries.
 */
export function linearRegExps(): void {
  setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
}

import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "./program.ts";

/** tool is the path of a program that `npm run tools` installs. */
export function tool(folder: string, program: string): string {
  return join(root, ".tools", folder, program);
}

/** missing gives the reason to skip a test that needs these programs, or false when all are there. */
export function missing(...programs: readonly string[]): string | false {
  const lacking = programs.filter((program) => !existsSync(program)).map((program) => relative(join(root, ".tools"), program));
  return lacking.length > 0 && `needs ${lacking.join(", ")}, run npm run tools`;
}

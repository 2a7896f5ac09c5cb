import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { models } from "./serve.ts";

/** Scratch is a folder of one test's own. */
export interface Scratch extends Disposable {
  readonly path: string;
  /** copy puts a committed model version, such as "half_plus_two/1", at `NAME/VERSION` and gives the base path. */
  copy(from: string, to: string): string;
}

export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), "tfs-server-"));
  return {
    path,
    copy(from, to) {
      cpSync(join(models, from), join(path, to), { recursive: true });
      return join(path, to, "..");
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

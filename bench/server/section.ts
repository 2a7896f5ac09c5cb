// A section of the benchmark: what it measures by itself, as a page and as JSON.
import type { Files } from "../gateway/payload.ts";
import type { paths } from "../gateway/tools.ts";

export interface Section {
  /** name picks it on the command line, and names its results. */
  readonly name: string;
  readonly what: string;
  /** needs are the programs that it starts. */
  readonly needs: readonly (keyof typeof paths)[];
  run(options: RunOptions): Promise<Outcome>;
}

export interface RunOptions {
  readonly rounds: number;
  /** seconds is how long a window is. */
  readonly seconds: number;
  /** quick leaves out what takes long. */
  readonly quick: boolean;
  /** dir is a folder for whatever a run needs, gone afterwards. */
  readonly dir: string;
  readonly files: Files;
}

export interface Outcome {
  /** text is the page, in Markdown. */
  readonly text: string;
  readonly result: unknown;
}

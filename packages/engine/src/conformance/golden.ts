import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { GoldenTensor } from "@tfs/tensor/testing";

/** Case is one call with what TensorFlow answered. */
export interface Case {
  readonly name: string;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs?: Readonly<Record<string, GoldenTensor>>;
  readonly error?: { readonly code: number; readonly message: string };
  readonly tolerance: number;
}

/** GoldenFile is testdata/models/NAME/golden.json. */
export interface GoldenFile {
  readonly model: string;
  readonly versions: Readonly<
    Record<
      string,
      { readonly signatures: Readonly<Record<string, { readonly method: string; readonly cases: readonly Case[] }>>; readonly script?: readonly Step[] }
    >
  >;
}

/** Step is one call of a script over a stateful model. */
export interface Step {
  readonly signature: string;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
}

/** goldens reads every model's golden file. */
export function goldens(models: string): GoldenFile[] {
  return readdirSync(models, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => JSON.parse(readFileSync(join(models, entry.name, "golden.json"), "utf8")) as GoldenFile);
}

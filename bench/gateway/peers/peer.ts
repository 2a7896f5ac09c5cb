import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Protocol } from "../protocols.ts";
import type { Tls } from "../shapes.ts";
import type { paths } from "../tools.ts";

/** Setting is what a proxy is started with: the same for all in one shape. */
export interface Setting {
  readonly port: number;
  /** backends are HOST:PORT. */
  readonly backends: readonly string[];
  /** workers are processes or threads that handle requests. */
  readonly workers: number;
  /** protocol is what callers speak. */
  readonly protocol: Protocol;
  /** tls is where it is spoken, with the certificate and the authority of tools.ts; undefined is nowhere. */
  readonly tls: Tls | undefined;
  /** dir is an empty folder for configuration and temporary files. */
  readonly dir: string;
}

/** Peer is one proxy of the comparison. */
export interface Peer {
  readonly name: string;
  readonly title: string;
  /** needs is the program that `npm run tools -- bench` installs for it; undefined for our own. */
  readonly needs: keyof typeof paths | undefined;
  command(setting: Setting): { readonly command: readonly string[]; readonly env?: NodeJS.ProcessEnv };
}

/** render fills the committed configuration `name` in, and gives the path of the result. */
export function render(name: string, dir: string, values: Readonly<Record<string, string | number>>): string {
  const file = join(dir, name.replace(/\.in$/, ""));
  writeFileSync(file, fill(readFileSync(new URL(name, import.meta.url), "utf8"), values));
  return file;
}

/** fill replaces every @NAME@ by its value. A name without a value, or the other way round, is a mistake in the configuration. */
export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  const left = new Set(Object.keys(values));
  const filled = template.replace(/@([A-Z]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the configuration has @${name}@, which has no value`);
    left.delete(name);
    return `${value}`;
  });
  if (left.size > 0) throw new Error(`the configuration lacks ${[...left].join(", ")}`);
  return filled;
}

/** More descriptors than this no shape needs. */
const filesEnough = 100_000;

/** filesMax is how many descriptors a child may have: what this process has, which Node has raised as far as it may. */
export function filesMax(): number {
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  if (limit === undefined) throw new Error("/proc/self/limits says nothing of open files");
  return limit === "unlimited" ? filesEnough : Math.min(filesEnough, Number(limit));
}

import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "@tfs/std";
import { type Chosen, engineNames } from "../engine.ts";

/** Memory keeps which engine was chosen, by a key that says for what. Nothing that it does fails: what it cannot keep is tried again. */
export interface Memory {
  get(key: string): Promise<Chosen | undefined>;
  put(key: string, chosen: Chosen): Promise<void>;
}

export interface MemoryOptions {
  /** path is its file; the folder is made when something is first kept. */
  readonly path: string;
  /** entriesMax bounds it: the oldest make room. Default 256. */
  readonly entriesMax?: number;
  /** onTrouble hears, once, why the file is of no use. */
  readonly onTrouble: (text: string) => void;
}

/** A file of another kind is not read, nor is one greater than this many bytes: entries have some hundred each. */
const maxBytes = 1 << 20;
const format = "tfs-engine-choices-1";

type Entry = readonly [key: string, chosen: Chosen];

/** newMemory keeps choices in one file, which servers of a machine may share: each writes it anew and whole, and the last one wins. */
export function newMemory({ path, entriesMax = 256, onTrouble }: MemoryOptions): Memory {
  let said = false;
  let writing: Promise<void> = Promise.resolve();
  let temporaries = 0;

  function trouble(text: string): void {
    if (!said) onTrouble(text);
    said = true;
  }

  async function read(): Promise<Entry[]> {
    try {
      const { size } = await stat(path);
      if (size > maxBytes) throw new Error(`it has ${size} bytes, more than ${maxBytes}`);
      return parse(await readFile(path, "utf8"));
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== "ENOENT") trouble(`what was chosen before is not known: ${path}: ${messageOf(err)}`);
      return [];
    }
  }

  async function write(entries: readonly Entry[]): Promise<void> {
    const temporary = `${path}.${process.pid}.${temporaries++}`;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(JSON.stringify({ format, entries }));
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (err) {
      await rm(temporary, { force: true }).catch(() => {});
      trouble(`what is chosen is not kept: ${path}: ${messageOf(err)}`);
    }
  }

  return {
    async get(key) {
      return (await read()).find(([known]) => known === key)?.[1];
    },
    put(key, chosen) {
      writing = writing.then(async () => {
        const others = (await read()).filter(([known]) => known !== key);
        await write([...others.slice(-(entriesMax - 1)), [key, { engine: chosen.engine, why: chosen.why }]]);
      });
      return writing;
    },
  };
}

/** parse reads a file that may be anything. Throws if it is not ours. */
function parse(text: string): Entry[] {
  const value = JSON.parse(text) as { readonly format?: unknown; readonly entries?: unknown } | null;
  if (value?.format !== format || !Array.isArray(value.entries)) throw new Error("it is not a list of chosen engines");
  return value.entries.map(entryOf);
}

function entryOf(value: unknown): Entry {
  const [key, chosen] = (Array.isArray(value) ? value : []) as unknown[];
  const { engine: name, why } = (chosen ?? {}) as { readonly engine?: unknown; readonly why?: unknown };
  const engine = engineNames.find((known) => known === name);
  if (typeof key !== "string" || engine === undefined || typeof why !== "string") throw new Error("an entry is not a chosen engine");
  return [key, { engine, why }];
}

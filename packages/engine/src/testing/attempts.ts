import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Ended is a process that died of an attempt, or made no end of it. */
export interface Ended {
  readonly attempt: number;
  /** how is a signal, an exit code, or "hang". */
  readonly how: string;
  /** said is what the library wrote last of itself. */
  readonly said: string;
}

export interface Attempts {
  readonly outcomes: ReadonlyMap<string, number>;
  readonly ended: readonly Ended[];
}

/** An attempt takes milliseconds; a busy machine may need longer to load a library. */
const hangMs = 60_000;

export interface AttemptOptions {
  /** main is the program that attempts: it is given the kind, the libraries' folder, where it may write, the first attempt's seed and the number of attempts. */
  readonly main: URL;
  readonly kind: "requests" | "models";
  readonly dir: string;
  readonly scratch: string;
  readonly first: number;
  readonly count: number;
}

/** attempt makes `count` attempts of a kind in a process of its own, and goes on behind one that ends it. */
export async function attempt({ main, kind, dir, scratch, first, count }: AttemptOptions): Promise<Attempts> {
  const outcomes = new Map<string, number>();
  const ended: Ended[] = [];
  const file = fileURLToPath(main);
  for (let next = first; next < first + count; ) {
    const args = [file, kind, dir, join(scratch, "model"), String(next), String(first + count - next)];
    const child = spawn(process.execPath, args, { cwd: scratch, stdio: ["ignore", "pipe", "pipe"] }); // saving ops of a graph write where they are
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-8000);
    });
    let hung = false;
    const kill = (): void => {
      hung = true;
      child.kill("SIGKILL");
    };
    let timer = setTimeout(kill, hangMs);
    const closed = new Promise<string>((resolve) => child.on("close", (code, signal) => resolve(signal ?? String(code))));
    let attempting = next;
    for await (const line of createInterface({ input: child.stdout })) {
      clearTimeout(timer);
      timer = setTimeout(kill, hangMs);
      const [word, i, ...outcome] = line.split(" ");
      if (word === "begin") attempting = Number(i);
      if (word !== "end") continue;
      next = Number(i) + 1;
      const text = outcome.join(" ");
      outcomes.set(text, (outcomes.get(text) ?? 0) + 1);
    }
    clearTimeout(timer);
    const how = await closed;
    if (how === "0") return { outcomes, ended };
    ended.push({ attempt: attempting, how: hung ? "hang" : how, said });
    next = attempting + 1;
  }
  return { outcomes, ended };
}

// The benchmark of the model server from the command line to the exit code.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeFiles } from "../gateway/payload.ts";
import { stopAll } from "../gateway/process.ts";
import { missing, root } from "../gateway/tools.ts";
import { batching } from "./batching.ts";
import { calls } from "./calls.ts";
import { compare } from "./compare.ts";
import { overload } from "./overload.ts";
import { rooms } from "./rooms.ts";
import type { Section } from "./section.ts";

const sections: readonly Section[] = [calls, rooms, compare, batching, overload];

const usage = `usage: npm run bench -- server [--shape NAME[,NAME...]] [--rounds N] [--seconds S] [--quick] [--json]

Measures the model server with the embedded engine. Shapes, all of them by default:
${sections.map(({ name, what }) => `  ${name.padEnd(10)} ${what}\n`).join("")}
Each writes its results to bench/results/server-NAME.*; with --quick (one round, less of what takes long) nothing is written.
`;

export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      shape: { type: "string" },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2.5" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const { quick } = values;
  const [rounds, seconds] = [quick ? 1 : Number(values.rounds), Number(values.seconds)];
  const wanted = values.shape?.split(",") ?? sections.map(({ name }) => name);
  const chosen = sections.filter(({ name }) => wanted.includes(name));
  if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0) || chosen.length !== wanted.length) {
    process.stderr.write(usage);
    return 2;
  }
  const absent = missing(chosen.flatMap(({ needs }) => needs));
  if (absent.length > 0) {
    console.error(`not installed: ${absent.join(", ")}. Run: npm run tools -- bench`);
    return 2;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stopAll().then(() => process.exit(130)));

  const dir = mkdtempSync(join(tmpdir(), "tfs-bench-server-"));
  try {
    const files = writeFiles(dir);
    for (const section of chosen) {
      const { text, result } = await section.run({ rounds, seconds, quick, dir, files });
      const json = `${JSON.stringify(result, null, 2)}\n`;
      if (!quick) keep(section.name, text, json);
      process.stdout.write(values.json === true ? json : text);
    }
    return 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function keep(name: string, text: string, json: string): void {
  const results = join(root, "bench/results");
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `server-${name}.md`), text);
  writeFileSync(join(results, `server-${name}.json`), json);
}

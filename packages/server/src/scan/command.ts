import { parseArgs } from "node:util";
import type { Writable } from "node:stream";
import { scan } from "@tfs/engine/all";
import { type Ctx, messageOf } from "@tfs/std";
import { scanText } from "./print.ts";

const done = 0;
const failed = 1;
/** misused is for a command line that cannot be understood. */
const misused = 2;

const usage = `usage: tfs-server scan DIR [--json] [--tags=serve,…] [--costs=false]

Tells what the SavedModel in DIR (a version's folder) needs: its ops, which engines could run it, which ops the
embedded engine lacks, and about how much memory and arithmetic a run of one row takes, and what it assumed
of that row where the signature leaves it open.

  --json         as JSON
  --tags         the meta-graph, by its whole set of tags; default serve
  --costs=false  reads the graph only: loads and runs nothing
`;

/** scanCommand does what the words after `tfs-server scan` say, and gives the exit status: 0 also where no engine could run the model. */
export async function scanCommand(
  ctx: Ctx,
  argv: readonly string[],
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
): Promise<number> {
  let line: ReturnType<typeof read>;
  try {
    line = read(argv);
  } catch (err) {
    stderr.write(`tfs-server scan: ${messageOf(err)}\n${usage}`);
    return misused;
  }
  const { values, positionals } = line;
  if (values.help === true) {
    stdout.write(usage);
    return done;
  }
  const [dir, ...rest] = positionals;
  if (dir === undefined || rest.length > 0) {
    stderr.write(usage);
    return misused;
  }
  try {
    const found = await scan(ctx, dir, { ...(values.tags !== undefined && { tags: values.tags.split(",") }), costs: values.costs !== "false" });
    stdout.write(values.json === true ? `${JSON.stringify(found, undefined, 2)}\n` : scanText(found));
    return done;
  } catch (err) {
    if (ctx.signal.aborted) throw err;
    stderr.write(`tfs-server scan: ${messageOf(err)}\n`);
    return failed;
  }
}

function read(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { json: { type: "boolean" }, help: { type: "boolean" }, tags: { type: "string" }, costs: { type: "string" } },
  });
}

// The command line of the benchmark.
import { parseArgs } from "node:util";
import { peers } from "./peers/index.ts";
import { shapes } from "./shapes.ts";

/** Options are what to measure and how. */
export interface Options {
  readonly shapes: readonly string[];
  readonly peers: readonly string[];
  readonly rounds: number;
  /** seconds is the length of one window. */
  readonly seconds: number;
  readonly quick: boolean;
  readonly json: boolean;
  readonly help: boolean;
  /** name is that of the files in bench/results; undefined is a run that is only printed. */
  readonly name: string | undefined;
}

const full = { rounds: 3, seconds: 2.5 };
const quick = { rounds: 3, seconds: 1 };

export function usage(): string {
  const list = (items: readonly { readonly name: string; readonly title: string }[]) =>
    items.map(({ name, title }) => `  ${name.padEnd(15)} ${title}`).join("\n");
  return `usage: npm run bench -- gateway [--quick] [--shape NAME,…] [--peers NAME,…] [--rounds N] [--seconds S] [--name NAME] [--json]

Measures the gateway and other proxies in turn, round by round, and prints a table. A run of all shapes and peers is written to bench/results/gateway.*,
one with --quick to bench/results/gateway-quick.*; any other is only printed unless it has a name. Programs come from: npm run tools -- bench

  --quick          the main shapes with short windows, in less than 5 minutes
  --shape NAME,…   only these shapes; may be repeated
  --peers NAME,…   only these peers
  --rounds N       rounds (default ${full.rounds})
  --seconds S      length of a window (default ${full.seconds}, quick ${quick.seconds})
  --name NAME      write to bench/results/NAME.*
  --json           print JSON instead of the table
  --help           print this

Exit code: 0; 1 if something of ours failed; 2 if a peer was more than 20 % slower than it is known to be, so that the run says nothing.

Shapes:
${list(shapes)}

Peers:
${list(peers)}
`;
}

/** parseOptions reads arguments; it throws an Error that says what is wrong with them. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      shape: { type: "string", multiple: true },
      peers: { type: "string", multiple: true },
      rounds: { type: "string" },
      seconds: { type: "string" },
      name: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const fast = values.quick === true;
  const defaults = fast ? quick : full;
  const names = (given: readonly string[] | undefined, all: readonly string[], what: string) => {
    const wanted = given?.flatMap((text) => text.split(",")).filter((name) => name !== "");
    const unknown = wanted?.find((name) => !all.includes(name));
    if (unknown !== undefined) throw new Error(`there is no ${what} ${unknown}; there are ${all.join(", ")}`);
    return wanted === undefined ? undefined : all.filter((name) => wanted.includes(name));
  };
  const chosenShapes = names(
    values.shape,
    shapes.map((s) => s.name),
    "shape",
  );
  const chosenPeers = names(
    values.peers,
    peers.map((p) => p.name),
    "peer",
  );
  const whole = chosenShapes === undefined && chosenPeers === undefined;
  if (values.name !== undefined && !/^[a-z][a-z0-9-]*$/.test(values.name))
    throw new Error(`--name=${values.name} is no name of a file: a-z, 0-9 and - make one`);
  return {
    shapes: chosenShapes ?? shapes.filter((s) => !fast || s.quick === true).map((s) => s.name),
    peers: chosenPeers ?? peers.map((p) => p.name),
    rounds: positive(values.rounds, defaults.rounds, "rounds", Number.isInteger),
    seconds: positive(values.seconds, defaults.seconds, "seconds", Number.isFinite),
    quick: fast,
    json: values.json === true,
    help: values.help === true,
    name: values.name ?? (whole ? (fast ? "gateway-quick" : "gateway") : undefined),
  };
}

function positive(text: string | undefined, fallback: number, name: string, allowed: (n: number) => boolean): number {
  if (text === undefined) return fallback;
  const n = Number(text);
  if (!allowed(n) || n <= 0) throw new Error(`--${name}=${text} is no positive number`);
  return n;
}

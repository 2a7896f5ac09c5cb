import { type Flag, type Flags, parseFlags, usage } from "@tfs/std";
import type { Fate, ServerFlag } from "./fate.ts";
import { table } from "./table.ts";

const headline = "tfs-server: serves SavedModels as TensorFlow Serving does\nflags are --name=value or --name value; tfs-server engine --help: of engines";

const said: Readonly<Record<Fate, string>> = {
  "in force": "",
  own: "",
  "not yet": "Not in force yet",
  moot: "Means nothing here",
  refused: "Refused",
};

/** readFlags reads a command line. Throws InvalidArgument. */
export function readFlags(argv: readonly string[]): Flags {
  return parseFlags(table, argv);
}

/** helpText is what --help prints. */
export function helpText(): string {
  return usage(headline, table.map(withFate));
}

function withFate(flag: ServerFlag): Flag {
  return flag.why === "" ? flag : { ...flag, help: `${flag.help}. ${said[flag.fate]}: ${flag.why}.` };
}

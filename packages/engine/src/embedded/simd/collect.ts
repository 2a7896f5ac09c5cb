import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (how: { readonly type: "major"; readonly execution: "async" }) => Promise<void>;

let collector: Collect | undefined;
let under: Promise<void> | undefined;

/**
 * collect has V8 look for what nobody refers to any more, in this thread and in its next free turn: of a WebAssembly memory that was let go, V8 sees the object and not the
 * gigabytes, and takes it for small. It takes 10 to 30 ms, so it is for those alone. What is let go during one waits for another.
 */
export async function collect(): Promise<void> {
  await under;
  under ??= collected();
  await under;
}

async function collected(): Promise<void> {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc");
    collector = runInNewContext("gc") as Collect;
  }
  try {
    await collector({ type: "major", execution: "async" });
  } finally {
    under = undefined;
  }
}

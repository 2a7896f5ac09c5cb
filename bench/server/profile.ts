// V8's CPU profiles (`--cpu-prof`), summed up by the folders of our sources.

/** Profile is what of such a file is read; times are in µs. */
export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/**
 * byRoom gives each room's share of the time in which something ran, in the last `lastMs` of those that were busy. A room is a package of ours, or a folder in one that has
 * several; what has no file counts where it was called, and what nobody called is "outside JavaScript", or "the collector".
 */
export function byRoom({ nodes, samples, timeDeltas }: Profile, { root, lastMs }: { readonly root: string; readonly lastMs: number }): Map<string, number> {
  const room = new Map(nodes.map(({ id, callFrame }) => [id, roomOf(callFrame, root)]));
  for (const { id, children = [] } of nodes) for (const child of children) if (room.get(child) === native) room.set(child, room.get(id)); // callers come first
  const spent = new Map<string, number>();
  let busy = 0;
  for (let i = samples.length - 1; i >= 0 && busy < lastMs * 1000; i--) {
    const found = room.get(samples[i]!);
    if (found === undefined) continue; // idle
    const where = found === native ? "outside JavaScript" : found;
    busy += timeDeltas[i]!;
    spent.set(where, (spent.get(where) ?? 0) + timeDeltas[i]!);
  }
  return new Map([...spent].map(([where, micros]) => [where, micros / busy]));
}

/** What has no file. */
const native = "";

function roomOf({ functionName, url }: Profile["nodes"][number]["callFrame"], root: string): string | undefined {
  if (functionName === "(idle)") return undefined;
  if (functionName === "(garbage collector)") return "the collector";
  if (functionName === "(program)" || functionName === "(root)") return "outside JavaScript";
  if (url === "") return native;
  const path = url.replace("file://", "").replace(root, "");
  const ours = /^\/?packages\/(\w+)\/dist\/(?:([\w-]+)\/)?/.exec(path);
  if (ours === null) return path.includes("node_modules") ? `npm: ${/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]}` : "Node";
  return ours[2] === undefined ? ours[1]! : `${ours[1]}/${ours[2]}`;
}

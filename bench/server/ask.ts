// One call to a server, for the answer that a window's calls must have.
import { newChannel } from "@tfs/rpc";
import { background, discard, systemClock, withTimeout } from "@tfs/std";
import { posts } from "../gateway/protocols.ts";

const timeoutMs = 10_000;

/** askGrpc calls a method with a message, and gives the one that comes back. */
export async function askGrpc(target: string, path: string, message: Uint8Array): Promise<Uint8Array> {
  await using channel = newChannel({ address: target, clock: systemClock(), logger: discard() });
  using ctx = withTimeout(background(), timeoutMs);
  return (await channel.unary(ctx, path, message)).message;
}

/** askRest posts JSON, and gives the body that comes back. */
export async function askRest(target: string, path: string, body: Uint8Array): Promise<Uint8Array> {
  const response = await fetch(`http://${target}${path}`, { method: "POST", headers: posts.rest.headers, body });
  const answer = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`HTTP ${response.status}: ${Buffer.from(answer).toString()}`);
  return answer;
}

import { encodeFrame, type Frame, frameType, type Raw, uint32 } from "../../testing/index.ts";
import { h2Name } from "../frame.ts";

let asked = 0;

/**
 * reaction waits until the other side has dealt with all that was sent, and tells what came of it: "connection NAME" when it closed the connection with that error,
 * else what was said on each stream: "1 answered", "1 NO_ERROR" and so on; "" when nothing was.
 */
export async function reaction(raw: Raw): Promise<string> {
  const question = uint32(0, ++asked);
  raw.send(encodeFrame(frameType.ping, 0, 0, question));
  const survived = await raw
    .until((frame) => frame.type === frameType.ping && frame.payload.equals(question))
    .then(
      () => true,
      () => false,
    );
  const goaway = raw.frames.find((frame) => frame.type === frameType.goaway);
  if (!survived) return `connection ${goaway === undefined ? "lost" : h2Name(goaway.payload.readUInt32BE(4))}`;
  const said = raw.frames.flatMap((frame) => says(frame));
  return [...new Set(said)].join(", ");
}

function says({ type, stream, payload }: Frame): string[] {
  if (type === frameType.headers) return [`${stream} answered`];
  return type === frameType.rstStream ? [`${stream} ${h2Name(payload.readUInt32BE(0))}`] : [];
}

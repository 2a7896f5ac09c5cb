import { encodeFrame, encodeHeaders, frameFlag, frameType } from "@tfs/rpc/testing";

/** attackPath is the method that hostile clients call. */
export const attackPath = "/flood.v1.Service/Method";

/** attackFields is the header block of such a call. */
export const attackFields: Buffer = encodeHeaders({
  ":method": "POST",
  ":scheme": "http",
  ":path": attackPath,
  ":authority": "flood",
  "content-type": "application/grpc",
  te: "trailers",
});

/** streamId is the number of a client's stream: these are odd. */
export function streamId(index: number): number {
  return 2 * index + 1;
}

/** openStream is the frame that begins a call. */
export function openStream(stream: number, flags = 0): Buffer {
  return encodeFrame(frameType.headers, frameFlag.endHeaders | flags, stream, attackFields);
}

// What is asked over HTTP/1.1, and what a right answer is. gRPC over HTTP/2 is the load generator's own.
import type { Files } from "./payload.ts";
import { smallValues } from "./payload.ts";

/** Protocol is what callers speak. */
export type Protocol = "grpc" | "grpc-web" | "connect" | "rest";

/** Post is how a call is made over HTTP/1.1. */
export interface Post {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** check throws an Error if the first answer is not right; from then on every answer must have the same bytes. */
  check(body: Uint8Array, files: { readonly response: Uint8Array }): void;
}

const method = "/tensorflow.serving.PredictionService/Predict";

/** posts are the protocols over HTTP/1.1. */
export const posts: Readonly<Record<Exclude<Protocol, "grpc">, Post>> = {
  rest: {
    path: "/v1/models/resnet:predict",
    headers: { "Content-Type": "application/json" },
    check: (body) => checkNumbers(Buffer.from(body).toString()),
  },
  "grpc-web": {
    path: method,
    headers: { "Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1" },
    check: (body, { response }) => checkWeb(Buffer.from(body), Buffer.from(response)),
  },
  connect: {
    path: method,
    headers: { "Content-Type": "application/proto", "Connect-Protocol-Version": "1" },
    check: (body, { response }) => {
      if (!Buffer.from(body).equals(response.subarray(5))) throw new Error("the answer is another message");
    },
  },
};

/** checkNumbers compares float32s: TensorFlow Serving prints six digits where nine are not needed to read the same one back, others print all. */
export function checkNumbers(text: string): void {
  const { predictions } = JSON.parse(text) as { predictions: number[][] };
  const numbers = predictions.flat();
  const same = numbers.length === smallValues.length && numbers.every((n, i) => Math.fround(n) === smallValues[i]);
  if (!same) throw new Error(`the answer has other numbers: ${text.slice(0, 200)}`);
}

/** checkWeb looks for the message, then a frame of trailers with status 0 (gRPC-Web protocol, "Message framing"). */
export function checkWeb(body: Buffer, response: Buffer): void {
  if (!body.subarray(0, response.length).equals(response)) throw new Error("the answer is another message");
  const trailers = body.subarray(response.length);
  const text = trailers.subarray(5).toString();
  const whole = trailers.length >= 5 && trailers[0] === 0x80 && trailers.readUInt32BE(1) === trailers.length - 5;
  if (!whole || !/^grpc-status: ?0\r$/im.test(text)) throw new Error(`the answer's trailers are not those of success: ${text.slice(0, 200)}`);
}

/** upstream is the file that a backend must get, for a file that is sent; undefined where gateways may encode as they like. */
export function upstream(protocol: Protocol, request: string, files: Files): string | undefined {
  if (protocol === "rest") return undefined;
  return protocol === "connect" ? files["smallRequest"] : files[request];
}

import { type Query, readQuery } from "../connect/index.ts";
import type { Fields } from "../fields.ts";

export type Protocol = "grpc" | "grpc-web" | "connect";

/** Dialect is what a request's fields say about how its call is written down. */
export interface Dialect {
  readonly protocol: Protocol;
  /** path is "/package.Service/Method", without a query. */
  readonly path: string;
  /** method is HTTP's: POST, or GET for a Connect call that came as query. */
  readonly method: string;
  /** bare: the body is one message and nothing else (Connect's unary calls). Otherwise each message is in an envelope with flags and length. */
  readonly bare: boolean;
  /** codec is how messages are encoded: proto, json, or whatever the client wrote behind the plus sign. */
  readonly codec: string;
  /** type of the answer: its content-type. */
  readonly type: string;
  /** text: the request's body is base64 (grpc-web-text). */
  readonly text: boolean;
  /** textAnswer: the answer's is. */
  readonly textAnswer: boolean;
  /** encoding is how the request's messages are compressed, where they say they are. */
  readonly encoding: string;
  /** accepts is the client's list of compressions for the answer, as it wrote it. */
  readonly accepts: string;
  /** query has the message, if it did not come as body. */
  readonly query: Query | undefined;
}

const grpc = "application/grpc";
const web = "application/grpc-web";
const webText = "application/grpc-web-text";
const connectStream = "application/connect+";

/** dialectOf tells the three protocols apart, by content type; undefined for plain HTTP. JSON alone counts as Connect's: who serves other JSON too looks at the path first. */
export function dialectOf(fields: Fields): Dialect | undefined {
  const target = fields.get(":path") ?? "";
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const method = fields.get(":method") ?? "";
  if (method === "GET") return mark < 0 ? undefined : queryDialect(fields, path, target.slice(mark + 1));
  const type = mediaType(fields.get("content-type"));
  const base = { path, method, query: undefined };
  if (type === grpc || type.startsWith(`${grpc}+`)) {
    return { ...base, protocol: "grpc", bare: false, codec: suffix(type, grpc), type, text: false, textAnswer: false, ...grpcEncodings(fields) };
  }
  if (type.startsWith(web)) return webDialect(fields, type, base);
  if (type.startsWith(connectStream)) {
    const encoding = fields.get("connect-content-encoding") ?? "identity";
    const accepts = fields.get("connect-accept-encoding") ?? "";
    const codec = type.slice(connectStream.length);
    return { ...base, protocol: "connect", bare: false, codec, type, text: false, textAnswer: false, encoding, accepts };
  }
  if (type === "application/proto" || type === "application/json") {
    const encoding = fields.get("content-encoding") ?? "identity";
    const accepts = fields.get("accept-encoding") ?? "";
    return { ...base, protocol: "connect", bare: true, codec: type.slice("application/".length), type, text: false, textAnswer: false, encoding, accepts };
  }
  return undefined;
}

function queryDialect(fields: Fields, path: string, text: string): Dialect | undefined {
  const query = readQuery(text);
  if (query === undefined) return undefined;
  const { codec, encoding } = query;
  const accepts = fields.get("accept-encoding") ?? "";
  const type = `application/${codec}`;
  return { protocol: "connect", path, method: "GET", bare: true, codec, type, text: false, textAnswer: false, encoding, accepts, query };
}

/** webDialect: the answer is base64 if the client's Accept says so, and as the request if it says nothing of the kind. */
function webDialect(fields: Fields, type: string, base: Pick<Dialect, "path" | "method" | "query">): Dialect | undefined {
  const text = type === webText || type.startsWith(`${webText}+`);
  if (!text && type !== web && !type.startsWith(`${web}+`)) return undefined;
  const codec = suffix(type, text ? webText : web);
  const accept = fields.get("accept") ?? "";
  const textAnswer = accept.includes(web) ? accept.includes(webText) : text;
  const answer = textAnswer === text ? type : `${textAnswer ? webText : web}+${codec}`;
  return { ...base, protocol: "grpc-web", bare: false, codec, type: answer, text, textAnswer, ...grpcEncodings(fields) };
}

function grpcEncodings(fields: Fields): Pick<Dialect, "encoding" | "accepts"> {
  return { encoding: fields.get("grpc-encoding") ?? "identity", accepts: fields.get("grpc-accept-encoding") ?? "" };
}

/** suffix gives the codec behind the plus sign, proto if there is none. */
function suffix(type: string, base: string): string {
  return type.length > base.length + 1 ? type.slice(base.length + 1) : "proto";
}

function mediaType(value: string | undefined): string {
  if (value === undefined) return "";
  const semicolon = value.indexOf(";");
  return (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
}

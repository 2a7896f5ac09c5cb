// What becomes of a call depends on its fields alone; it is decided once for fields that come again.
import { type Dialect, type Field, type Fields, metadataFields, newField, newFields } from "@tfs/rpc";
import { Code, type Failure, newError } from "@tfs/std";
import type { Method, Schema } from "../schema/index.ts";

/** Plan is what becomes of a call. */
export type Plan =
  /** relay: the body's bytes pass as they are. */
  | { readonly is: "relay"; readonly dialect: Dialect; readonly fields: Fields }
  /** translate: message by message; `json` has the method whose messages change their form. */
  | { readonly is: "translate"; readonly dialect: Dialect; readonly fields: Fields; readonly json: Method | undefined; readonly known: boolean }
  /** refuse: it does not get as far as a backend. */
  | { readonly is: "refuse"; readonly dialect: Dialect; readonly failure: Failure; readonly httpStatus: number; readonly allow: string | undefined };

/** Compressions that gRPC servers know: these pass as they are. */
export const passes: readonly string[] = ["identity", "gzip", "deflate"];

/** planOf decides about a call of gRPC-Web or Connect. */
export function planOf(fields: Fields, dialect: Dialect, schema: Schema): Plan {
  const method = schema.method(dialect.path);
  const { path, bare, codec } = dialect;
  const refuse = (code: Code, text: string, httpStatus: number, allow?: string): Plan => ({
    is: "refuse",
    dialect,
    failure: newError(code, text),
    httpStatus,
    allow,
  });
  if (dialect.method !== "POST" && !(dialect.query !== undefined && method?.idempotent === true)) {
    return refuse(Code.Unknown, `${path} is not called by ${dialect.method}`, 405, method?.idempotent === true ? "GET, POST" : "POST");
  }
  if (method !== undefined && dialect.protocol === "connect" && bare !== (method.kind === "unary")) {
    return refuse(Code.Unimplemented, `${path} is ${method.kind}: its content-type is application/${bare ? "connect+" : ""}${codec}`, 415);
  }
  if (codec === "json" && method === undefined)
    return refuse(Code.Unimplemented, `${path} is in no descriptors that are known here, so its messages have no JSON form`, 415);
  if (codec !== "json" && codec !== "proto")
    return refuse(Code.Unimplemented, `codec ${JSON.stringify(codec.slice(0, 32))} is not supported; supported: proto, json`, 415);
  const json = codec === "json" ? method : undefined;
  const pass = json === undefined && passes.includes(dialect.encoding);
  const upstream = upstreamFields(fields, dialect, pass, json !== undefined);
  if (pass && !bare) return { is: "relay", dialect, fields: upstream };
  return { is: "translate", dialect, fields: upstream, json, known: method !== undefined };
}

const post = newField(":method", "POST");
const plainScheme = newField(":scheme", "http");
const teTrailers = newField("te", "trailers");
const grpcType = newField("content-type", "application/grpc+proto");

/** upstreamFields are what a backend gets. An answer that becomes JSON has to come uncompressed; any other may come in what the client and gRPC both know. */
function upstreamFields(fields: Fields, dialect: Dialect, pass: boolean, json: boolean): Fields {
  const list: Field[] = [
    post,
    plainScheme,
    newField(":authority", fields.get(":authority") || "localhost"),
    newField(":path", dialect.path),
    teTrailers,
    grpcType,
    newField("grpc-accept-encoding", json ? "identity" : accepted(dialect.accepts)),
  ];
  if (pass && dialect.encoding !== "identity") list.push(newField("grpc-encoding", dialect.encoding));
  return newFields([...list, ...metadataFields(fields).list]);
}

/** accepted reads a list of encodings, weights and all (RFC 9110, section 12.5.3): weight 0 means no. */
function accepted(list: string): string {
  const wanted = list
    .toLowerCase()
    .split(",")
    .map((part) => part.split(";"))
    .filter(([, weight]) => weight === undefined || !/^\s*q=0(?:\.0*)?\s*$/.test(weight))
    .map(([name = ""]) => name.trim());
  return ["identity", ...passes.filter((name) => name !== "identity" && wanted.includes(name))].join(",");
}

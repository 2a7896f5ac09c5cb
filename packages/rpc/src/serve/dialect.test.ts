import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOf } from "../fields.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import { metadataFields } from "./metadata.ts";

const rows: readonly {
  readonly name: string;
  readonly type?: string;
  readonly method?: string;
  readonly path?: string;
  readonly more?: readonly (readonly [string, string])[];
  readonly want: Partial<Dialect> | undefined;
}[] = [
  { name: "gRPC", type: "application/grpc", want: { protocol: "grpc", codec: "proto", bare: false, text: false } },
  { name: "gRPC with a codec", type: "application/grpc+json; charset=utf-8", want: { protocol: "grpc", codec: "json", type: "application/grpc+json" } },
  { name: "gRPC-Web", type: "application/grpc-web", want: { protocol: "grpc-web", codec: "proto", type: "application/grpc-web", textAnswer: false } },
  { name: "gRPC-Web in capitals", type: "Application/gRPC-Web+Proto", want: { protocol: "grpc-web", codec: "proto", type: "application/grpc-web+proto" } },
  { name: "gRPC-Web text", type: "application/grpc-web-text", want: { protocol: "grpc-web", text: true, textAnswer: true, type: "application/grpc-web-text" } },
  {
    name: "gRPC-Web text that accepts binary",
    type: "application/grpc-web-text+proto",
    more: [["accept", "application/grpc-web+proto"]],
    want: { text: true, textAnswer: false, type: "application/grpc-web+proto" },
  },
  {
    name: "gRPC-Web that accepts text",
    type: "application/grpc-web+proto",
    more: [["accept", "application/grpc-web-text"]],
    want: { text: false, textAnswer: true, type: "application/grpc-web-text+proto" },
  },
  {
    name: "gRPC-Web's compression",
    type: "application/grpc-web",
    more: [
      ["grpc-encoding", "gzip"],
      ["grpc-accept-encoding", "gzip,br"],
      ["content-encoding", "br"],
    ],
    want: { encoding: "gzip", accepts: "gzip,br" },
  },
  { name: "a Connect stream", type: "application/connect+json", want: { protocol: "connect", codec: "json", bare: false, type: "application/connect+json" } },
  {
    name: "a Connect stream's compression",
    type: "application/connect+proto",
    more: [
      ["connect-content-encoding", "gzip"],
      ["connect-accept-encoding", "deflate"],
    ],
    want: { encoding: "gzip", accepts: "deflate" },
  },
  { name: "a Connect call", type: "application/proto", path: "/a.B/C?x=1", want: { protocol: "connect", codec: "proto", bare: true, path: "/a.B/C" } },
  { name: "a Connect call in JSON", type: "application/json;charset=utf-8", want: { protocol: "connect", codec: "json", bare: true, encoding: "identity" } },
  { name: "a Connect call's compression", type: "application/proto", more: [["content-encoding", "br"]], want: { encoding: "br" } },
  {
    name: "a Connect call by GET",
    method: "GET",
    path: "/a.B/C?encoding=json&message=%7B%7D&compression=gzip",
    want: { protocol: "connect", codec: "json", bare: true, path: "/a.B/C", encoding: "gzip", type: "application/json" },
  },
  { name: "a GET", method: "GET", path: "/a.B/C", want: undefined },
  { name: "a GET that asks something else", method: "GET", path: "/v1/models/m?x=1", type: "application/json", want: undefined },
  { name: "an image", type: "image/jpeg", want: undefined },
  { name: "no content type", want: undefined },
  { name: "gRPC's name with something else behind it", type: "application/grpcx", want: undefined },
  { name: "gRPC-Web's name with something else behind it", type: "application/grpc-website", want: undefined },
  { name: "a codec nobody knows", type: "application/foo", want: undefined },
];
for (const tc of rows) {
  test(`dialect: ${tc.name}`, () => {
    const type: (readonly [string, string])[] = tc.type === undefined ? [] : [["content-type", tc.type]];
    const got = dialectOf(fieldsOf([":method", tc.method ?? "POST"], [":path", tc.path ?? "/a.B/C"], ...type, ...(tc.more ?? [])));
    if (tc.want === undefined || got === undefined) assert.equal(got, tc.want);
    else assert.deepEqual({ ...got, ...tc.want }, got);
  });
}

test("metadata: what is the application's passes, in order, names that come twice too", () => {
  const fields = fieldsOf(
    [":method", "POST"],
    ["content-type", "application/proto"],
    ["b", "1"],
    ["connect-timeout-ms", "5"],
    ["a-bin", "AAE"],
    ["grpc-trace-bin", "AA"],
    ["grpc-status", "0"],
    ["te", "trailers"],
    ["b", "2"],
  );
  assert.deepEqual(
    metadataFields(fields).list.map(({ name, value }) => [name, value]),
    [
      ["b", "1"],
      ["a-bin", "AAE"],
      ["grpc-trace-bin", "AA"],
      ["b", "2"],
    ],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { answersOf, heard, serve, talk } from "./testing/index.ts";

const pseudo = [
  [":method", "POST"],
  [":scheme", "http"],
  [":authority", "h"],
  [":path", "/a?b"],
];

/** Requests that are served. Each is sent whole and byte by byte, into a wire's buffer and by events. */
const served: readonly {
  name: string;
  request: string;
  fields: readonly (readonly string[])[];
  body?: string;
  timeout?: string;
  trailers?: readonly (readonly string[])[];
}[] = [
  {
    name: "a request with a body of known length",
    request: "POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
    fields: [...pseudo, ["content-length", "4"]],
    body: "body",
  },
  {
    name: "a chunked request with extensions and trailers",
    request:
      'POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4;a;b=c;d="e\\"; f"\r\nbody\r\n00a\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: \r\n\r\n',
    fields: pseudo,
    body: "body0123456789",
    trailers: [
      ["x-sum", "1"],
      ["y", ""],
    ],
  },
];

for (const tc of served) {
  for (const events of [false, true]) {
    for (const split of [false, true]) {
      test(`http1: ${tc.name} is served${split ? ", byte by byte" : ""}${events ? ", by events" : ""}`, async () => {
        using server = await serve({ events });
        const [answer, ...more] = answersOf(await talk(server.port, split ? [...tc.request] : [tc.request]));
        assert.equal(more.length, 0);
        assert.equal(answer!.status, 200);
        const got = heard(answer!);
        assert.deepEqual(got.fields, tc.fields);
        assert.equal(got.body, tc.body ?? "");
        assert.equal(got.timeout, tc.timeout);
        assert.deepEqual(got.trailers, tc.trailers);
      });
    }
  }
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fields, fieldsOf, newCors } from "./index.ts";

const app = "https://app.example";
const record = (fields: Fields): Record<string, string> => Object.fromEntries(fields.list.map(({ name, value }) => [name, value]));
const ask = (origin: string | undefined, more: readonly (readonly [string, string])[] = [["access-control-request-method", "POST"]]): Fields =>
  fieldsOf([":method", "OPTIONS"], [":path", "/v1/models/m:predict"], ...(origin === undefined ? [] : [["origin", origin] as const]), ...more);

test("cors: nobody allowed is nothing said", () => assert.equal(newCors([]), undefined));

const preflights: readonly {
  readonly name: string;
  readonly origins: readonly string[];
  readonly origin: string | undefined;
  readonly allow: string | undefined;
}[] = [
  { name: "a listed origin is let in by name", origins: ["https://other.example", app], origin: app, allow: app },
  { name: "an origin that is not listed is not", origins: [app], origin: "https://evil.example", allow: undefined },
  { name: "an origin whose beginning is listed is not", origins: [app], origin: `${app}.evil.example`, allow: undefined },
  { name: "another port is another origin", origins: [app], origin: `${app}:8443`, allow: undefined },
  { name: "with all let in, none is named", origins: ["*"], origin: app, allow: "*" },
  { name: "a page without an origin is never let in", origins: ["*"], origin: "null", allow: undefined },
  { name: "no origin is no page", origins: ["*"], origin: undefined, allow: undefined },
];
for (const tc of preflights) {
  test(`cors: ${tc.name}`, () => {
    const answer = newCors(tc.origins)!.preflight(ask(tc.origin));
    assert.equal(answer?.get("access-control-allow-origin"), tc.allow);
    assert.equal(answer?.get("access-control-allow-credentials"), undefined);
    const opened = newCors(tc.origins)!.open(ask(tc.origin, []))(fieldsOf([":status", "200"]));
    assert.equal(opened.find(({ name }) => name === "access-control-allow-origin")?.value, tc.allow);
    assert.equal(opened.find(({ name }) => name === "vary")?.value, "origin");
  });
}

test("cors: the answer to a question is whole: methods, headers, and how long it holds", () => {
  const { "access-control-allow-headers": headers, ...answer } = record(newCors([app])!.preflight(ask(app))!);
  assert.match(headers!, /\bconnect-protocol-version\b.*\bcontent-type\b.*\bgrpc-timeout\b.*\bx-grpc-web\b.*\bx-user-agent\b/);
  assert.deepEqual(answer, {
    ":status": "204",
    "access-control-allow-origin": app,
    "access-control-allow-methods": "GET, POST",
    "access-control-max-age": "7200",
    vary: "origin",
  });
});

test("cors: OPTIONS without the question is no question, nor is the question by another method", () => {
  const cors = newCors(["*"])!;
  assert.equal(cors.preflight(ask(app, [])), undefined);
  assert.equal(cors.preflight(fieldsOf([":method", "POST"], ["origin", app], ["access-control-request-method", "POST"])), undefined);
});

test("cors: a page may read every field that the answer has, whatever its trailers are called", () => {
  const opened = newCors([app])!.open(ask(app, []))(
    fieldsOf(
      [":status", "200"],
      ["content-type", "application/proto"],
      ["trailer-cost-bin", "AA"],
      ["grpc-status", "0"],
      ["x-request-id", "1"],
      ["x-m", "1"],
      ["x-m", "2"],
    ),
  );
  assert.equal(opened.find(({ name }) => name === "access-control-expose-headers")?.value, "trailer-cost-bin, grpc-status, x-request-id, x-m");
});

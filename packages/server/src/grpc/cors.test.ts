// What browsers ask and what they are told on the gRPC port (Fetch standard, "CORS protocol").
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetModelStatusRequestSchema } from "@tfs/proto";
import { Code } from "@tfs/std";
import { serve } from "../testing/index.ts";

const app = "https://app.example";
const path = "/tensorflow.serving.ModelService/GetModelStatus";
const message = toBinary(GetModelStatusRequestSchema, create(GetModelStatusRequestSchema, { modelSpec: { name: "half_plus_two" } }));
const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
const calls = [
  { type: "application/grpc-web+proto", body: framed, path },
  { type: "application/proto", body: message, path },
  { type: "application/json", body: Buffer.from('{"modelSpec":{"name":"half_plus_two"}}'), path },
  { type: "application/json", body: Buffer.from('{"modelSpec":{"name":"none"}}'), path },
  { type: "application/json", body: Buffer.from("{}"), path: "/tensorflow.serving.ModelService/None" },
];
const rows: readonly { readonly name: string; readonly origins: readonly string[]; readonly allow: string | null }[] = [
  { name: "by default nobody is let in", origins: [], allow: null },
  { name: "a listed origin is", origins: [app], allow: app },
  { name: "any is with *", origins: ["*"], allow: "*" },
  { name: "another one is not", origins: ["https://other.example"], allow: null },
];
for (const { name, origins, allow } of rows) {
  test(`cors: ${name}, asked and answered`, async () => {
    await using served = await serve(["half_plus_two"], { grpcOrigins: origins });
    const question = { "access-control-request-method": "POST", "access-control-request-headers": "content-type,x-grpc-web" };
    const asked = await ask(served.grpc, path, "OPTIONS", question);
    assert.deepEqual([asked.status, asked.headers.get("access-control-allow-origin")], [allow === null ? 405 : 204, allow]);
    if (allow !== null) assert.match(asked.headers.get("access-control-allow-headers") ?? "", /content-type.*x-grpc-web/);
    for (const call of calls) {
      const answer = await ask(served.grpc, call.path, "POST", { "content-type": call.type }, call.body);
      assert.equal(answer.headers.get("access-control-allow-origin"), allow, call.type);
    }
  });
}

async function ask(base: string, target: string, method: string, headers: Record<string, string>, body?: Uint8Array<ArrayBuffer>): Promise<Response> {
  const answer = await fetch(`${base}${target}`, { method, headers: { origin: app, ...headers }, ...(body && { body }) });
  await answer.arrayBuffer();
  return answer;
}

test("cors: an origin that is none does not start", async () => {
  const message = 'grpc_cors_origins: "app.example" is not SCHEME://HOST[:PORT] in lower case';
  await assert.rejects(serve(["half_plus_two"], { grpcOrigins: ["app.example"] }), { code: Code.InvalidArgument as number, message });
});

// grpc-go's interop client, through the gateway, to grpc-go's interop server: every case that needs no credentials and one server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { missing, start, startFront, tool } from "../testing/index.ts";

const client = tool("grpc-interop", "client");
const server = tool("grpc-interop", "server");

/** Load reports reach the client's application only under this policy (https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md). */
const reports = '--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}';

const cases: readonly (readonly [name: string, ...flags: readonly string[]])[] = [
  ["empty_unary"],
  ["large_unary"],
  ["client_streaming"],
  ["server_streaming"],
  ["ping_pong"],
  ["empty_stream"],
  ["timeout_on_sleeping_server"],
  ["cancel_after_begin"],
  ["cancel_after_first_response"],
  ["status_code_and_message"],
  ["special_status_message"],
  ["custom_metadata"],
  ["unimplemented_method"],
  ["unimplemented_service"],
  ["orca_per_rpc", reports],
  ["orca_oob", reports],
];

test("grpc-go interop", { skip: missing(client, server) }, async (t) => {
  await using backend = start("env", ["GRPC_GO_LOG_SEVERITY_LEVEL=info", server, "--port=0"]);
  const said = await backend.until((line) => line.includes("interop server listening on "));
  await using front = await startFront(`127.0.0.1:${said.split(":").at(-1)}`);
  for (const [name, ...flags] of cases) {
    await t.test(name, async () => {
      await using call = start(client, ["--server_host=127.0.0.1", `--server_port=${front.port}`, `--test_case=${name}`, ...flags]);
      assert.equal(await call.exited, 0, call.lines.join("\n"));
    });
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ConfigProtoSchema } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import { Code } from "@tfs/std";
import { encodeConfig } from "./config.ts";

const gpu = { perProcessGpuMemoryFraction: 0.25, allowGrowth: true };

test("nothing configured is nothing said", async () => assert.equal((await encodeConfig({})).length, 0));
test("threads are said, over those of a given configuration, and the rest of it stays", async () => {
  const proto = toBinary(ConfigProtoSchema, create(ConfigProtoSchema, { gpuOptions: gpu, intraOpParallelismThreads: 9, interOpParallelismThreads: 3 }));
  const got = fromBinary(ConfigProtoSchema, await encodeConfig({ proto, intraOpThreads: 2 }));
  assert.equal(got.intraOpParallelismThreads, 2);
  assert.equal(got.interOpParallelismThreads, 3);
  assert.equal(got.gpuOptions?.perProcessGpuMemoryFraction, 0.25);
  assert.equal(got.gpuOptions.allowGrowth, true);
});
for (const { name, config } of [
  { name: "bytes that are no ConfigProto", config: { proto: Uint8Array.of(0xff, 0xff) } },
  { name: "half a thread", config: { intraOpThreads: 0.5 } },
  { name: "less than no thread", config: { interOpThreads: -1 } },
])
  test(`refused: ${name}`, () => assert.rejects(encodeConfig(config), { code: Code.InvalidArgument }));

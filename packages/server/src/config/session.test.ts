import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { ConfigProtoSchema } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import { Code } from "@tfs/std";
import { readFlags } from "../flags/index.ts";
import { scratch } from "../testing/index.ts";
import { sessionConfig } from "./index.ts";

const dir = scratch();
after(() => dir[Symbol.dispose]());
const file = join(dir.path, "session.config");
writeFileSync(file, "intra_op_parallelism_threads: 7 allow_soft_placement: true gpu_options { allow_growth: true }");
const both = (intraOpThreads: number, interOpThreads: number) => ({ intraOpThreads, interOpThreads });

const rows: readonly { readonly name: string; readonly argv: readonly string[]; readonly threads?: object; readonly proto?: object }[] = [
  { name: "nothing is TensorFlow's own choice", argv: [] },
  { name: "a number for both", argv: ["--tensorflow_session_parallelism=3"], threads: both(3, 3) },
  { name: "a number for each", argv: ["--tensorflow_intra_op_parallelism=2", "--tensorflow_inter_op_parallelism=4"], threads: both(2, 4) },
  { name: "one of them wins over that for both", argv: ["--tensorflow_session_parallelism=3", "--tensorflow_inter_op_parallelism=4"], threads: both(0, 4) },
  { name: "less than nothing is nothing", argv: ["--tensorflow_session_parallelism=-1"] },
  {
    name: "a file, whose threads do not count",
    argv: [`--tensorflow_session_config_file=${file}`],
    threads: both(0, 0),
    proto: { intraOpParallelismThreads: 7, allowSoftPlacement: true, gpuOptions: { allowGrowth: true } },
  },
  {
    name: "a part of a GPU's memory, beside what the file says of GPUs",
    argv: [`--tensorflow_session_config_file=${file}`, "--per_process_gpu_memory_fraction=0.5", "--tensorflow_session_parallelism=1"],
    threads: both(1, 1),
    proto: { intraOpParallelismThreads: 7, allowSoftPlacement: true, gpuOptions: { allowGrowth: true, perProcessGpuMemoryFraction: 0.5 } },
  },
  {
    name: "a part of a GPU's memory alone",
    argv: ["--per_process_gpu_memory_fraction=0.5"],
    threads: both(0, 0),
    proto: { gpuOptions: { perProcessGpuMemoryFraction: 0.5 } },
  },
];
for (const { name, argv, threads = {}, proto } of rows) {
  test(`TensorFlow's session: ${name}`, async () => {
    const { proto: bytes, ...rest } = await sessionConfig(readFlags(argv));
    assert.deepEqual(rest, threads);
    assert.deepEqual(bytes && toJson(ConfigProtoSchema, fromBinary(ConfigProtoSchema, bytes)), proto);
  });
}
test("TensorFlow's session: a file that is not there ends the start", async () => {
  const path = join(dir.path, "none");
  await assert.rejects(sessionConfig(readFlags([`--tensorflow_session_config_file=${path}`])), {
    code: Code.NotFound,
    message: `${path}; No such file or directory`,
  });
});

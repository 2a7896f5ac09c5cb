import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { SessionService, type TensorProto } from "@tfs/proto";
import { RunOptions_TraceLevel } from "@tfs/proto/gen/tensorflow/core/protobuf/config_pb.js";
import type { SessionRunRequestSchema } from "@tfs/proto/gen/tensorflow_serving/apis/session_service_pb.js";
import { DType, fromMessage, newTensor, toMessage } from "@tfs/tensor";
import { serve, wires } from "../testing/index.ts";

const served = await serve(["half_plus_two", "counter", "cond_loop"], { sessionRun: true });
const all = wires(served.grpc);
const off = await serve(["half_plus_two"]);
const closed = wires(off.grpc);
after(async () => {
  for (const wire of [...all, ...closed]) wire[Symbol.dispose]();
  await served[Symbol.asyncDispose]();
  await off[Symbol.asyncDispose]();
});

type Request = MessageInitShape<typeof SessionRunRequestSchema>;

const float = (...values: number[]): TensorProto => toMessage(newTensor(DType.Float, [values.length], Float32Array.from(values)));
const modelSpec = { name: "half_plus_two" };
const x = { name: "x:0", tensor: float(2, 4) };
const version = { case: "version", value: { $typeName: "google.protobuf.Int64Value", value: 2n } } as const;

const runs: readonly { readonly name: string; readonly request: Request; readonly want: readonly (readonly [string, readonly number[]])[] }[] = [
  { name: "a tensor is fed and one fetched", request: { modelSpec, feed: [x], fetch: ["y:0"] }, want: [["y:0", [4, 5]]] },
  {
    name: "tensors of several signatures are fetched at once, in the order asked for, by the names asked by",
    request: { modelSpec, feed: [x], fetch: ["y2:0", "y", "y2:0"] },
    want: [
      ["y2:0", [5, 6]],
      ["y", [4, 5]],
      ["y2:0", [5, 6]],
    ],
  },
  { name: "output 0 is meant where none is named", request: { modelSpec, feed: [{ ...x, name: "x" }], fetch: ["y"] }, want: [["y", [4, 5]]] },
  { name: "what is fed may be fetched", request: { modelSpec, feed: [x], fetch: ["x:0"] }, want: [["x:0", [2, 4]]] },
  {
    name: "a tensor in the middle is fed in the place of what computes it",
    request: { modelSpec, feed: [{ ...x, name: "y:0" }], fetch: ["y:0"] },
    want: [["y:0", [2, 4]]],
  },
  {
    name: "aliases of the default signature",
    request: { modelSpec, feed: [{ ...x, name: "x" }], fetch: ["y"], tensorNameIsAlias: true },
    want: [["y", [4, 5]]],
  },
  {
    name: "aliases of a signature by name",
    request: { modelSpec: { ...modelSpec, signatureName: "regress_x2_to_y3" }, feed: [{ ...x, name: "inputs" }], fetch: ["outputs"], tensorNameIsAlias: true },
    want: [["outputs", [5, 6]]],
  },
  { name: "a timeout that is not used up", request: { modelSpec, feed: [x], fetch: ["y:0"], options: { timeoutInMs: 60_000n } }, want: [["y:0", [4, 5]]] },
];

const refusals: readonly { readonly name: string; readonly request: Request; readonly code: Code; readonly text: RegExp }[] = [
  { name: "no spec", request: { fetch: ["y:0"] }, code: Code.InvalidArgument, text: /^Missing ModelSpec$/ },
  { name: "a model that is not there", request: { modelSpec: { name: "none" }, fetch: ["y:0"] }, code: Code.NotFound, text: /Latest\(none\)/ },
  { name: "nothing to fetch", request: { modelSpec, feed: [x] }, code: Code.InvalidArgument, text: /^Must specify at least one target to fetch or execute\.$/ },
  { name: "a target", request: { modelSpec, feed: [x], fetch: ["y:0"], target: ["init"] }, code: Code.Unimplemented, text: /^target "init": / },
  {
    name: "a fetch that the graph does not have",
    request: { modelSpec, feed: [x], fetch: ["z:0"] },
    code: Code.InvalidArgument,
    text: /Tensor z:0.*not found in the Graph/,
  },
  {
    name: "a feed that the graph does not have",
    request: { modelSpec, feed: [{ ...x, name: "z" }], fetch: ["y:0"] },
    code: Code.InvalidArgument,
    text: /Tensor z:0/,
  },
  {
    name: "a feed twice",
    request: { modelSpec, feed: [x, { ...x, name: "x" }], fetch: ["y:0"] },
    code: Code.InvalidArgument,
    text: /^feed x: x:0 is fed more than once$/,
  },
  {
    name: "a feed without a tensor",
    request: { modelSpec, feed: [{ name: "x:0" }], fetch: ["y:0"] },
    code: Code.InvalidArgument,
    text: /^tensor parsing error: x:0/,
  },
  {
    name: "a feed without a name",
    request: { modelSpec, feed: [{ tensor: float(1) }], fetch: ["y:0"] },
    code: Code.InvalidArgument,
    text: /^a feed has no name$/,
  },
  {
    name: "a feed of another dtype",
    request: { modelSpec, feed: [{ name: "x:0", tensor: toMessage(newTensor(DType.Int32, [1], Int32Array.of(1))) }], fetch: ["y:0"] },
    code: Code.InvalidArgument,
    text: /^Expects arg\[0\] to be float but int32 is provided$/,
  },
  {
    name: "an alias that the signature does not have",
    request: { modelSpec, feed: [x], fetch: ["y"], tensorNameIsAlias: true },
    code: Code.InvalidArgument,
    text: /^the signature has no input "x:0"$/,
  },
  {
    name: "a signature that is not there",
    request: { modelSpec: { ...modelSpec, signatureName: "nope" }, fetch: ["y"], tensorNameIsAlias: true },
    code: Code.FailedPrecondition,
    text: /^Serving signature key "nope" not found\.$/,
  },
  {
    name: "a trace",
    request: { modelSpec, feed: [x], fetch: ["y:0"], options: { traceLevel: RunOptions_TraceLevel.FULL_TRACE } },
    code: Code.Unimplemented,
    text: /^options\.trace_level: /,
  },
  {
    name: "a run past its own timeout",
    request: {
      modelSpec: { name: "cond_loop" },
      feed: [
        { name: "x", tensor: float(1, 2, 3) },
        { name: "n", tensor: toMessage(newTensor(DType.Int32, [], Int32Array.of(2_000_000_000))) },
      ],
      fetch: ["y"],
      tensorNameIsAlias: true,
      options: { timeoutInMs: 100n },
    },
    code: Code.DeadlineExceeded,
    text: /^Timed out waiting for notification$/,
  },
];

for (const { name, transport } of all) {
  const client = createClient(SessionService, transport);
  for (const tc of runs) {
    test(`${name}: SessionRun: ${tc.name}`, async () => {
      const { tensor } = await client.sessionRun(tc.request);
      assert.deepEqual(
        tensor.map((one) => [one.name, [...(fromMessage(one.tensor!).data as Float32Array)]]),
        tc.want,
      );
    });
  }
  test(`${name}: SessionRun: what a run changes in the model stays`, async () => {
    const run = async (signatureName: string): Promise<number> => {
      const { tensor } = await client.sessionRun({ modelSpec: { name: "counter", signatureName }, fetch: ["output"], tensorNameIsAlias: true });
      return (fromMessage(tensor[0]!.tensor!).data as Float32Array)[0]!;
    };
    assert.deepEqual([await run("reset_counter"), await run("incr_counter"), await run("incr_counter"), await run("get_counter")], [0, 1, 2, 2]);
  });
  test(`${name}: SessionRun: the answer says what computed it`, async () => {
    const { modelSpec: spec } = await client.sessionRun({ modelSpec, feed: [x], fetch: ["y:0"] });
    assert.deepEqual([spec?.name, spec?.versionChoice.case, spec?.signatureName], ["half_plus_two", version.case, ""]);
    assert.equal(spec?.versionChoice.case === "version" && spec.versionChoice.value.value, 2n);
  });
  for (const tc of refusals) {
    test(`${name}: SessionRun: ${tc.name} is refused`, async () => {
      await assert.rejects(client.sessionRun(tc.request), (err) => {
        assert.ok(err instanceof ConnectError, String(err));
        assert.equal(Code[err.code], Code[tc.code], err.rawMessage);
        assert.match(err.rawMessage, tc.text);
        return true;
      });
    });
  }
}

for (const { name, transport } of closed) {
  test(`${name}: SessionRun is no method unless it is turned on`, async () => {
    await assert.rejects(createClient(SessionService, transport).sessionRun({ modelSpec, fetch: ["y:0"] }), (err) => {
      assert.ok(err instanceof ConnectError);
      assert.deepEqual([err.code, err.rawMessage], [Code.Unimplemented, "unknown method /tensorflow.serving.SessionService/SessionRun"]);
      return true;
    });
  });
}

import { create } from "@bufbuild/protobuf";
import {
  GetModelMetadataRequestSchema,
  type GetModelMetadataResponse,
  GetModelStatusRequestSchema,
  type GetModelStatusResponse,
  type ModelSpec,
} from "@tfs/proto";
import { type Ctx, race, throwIfDone, withSignal } from "@tfs/std";
import { newTensor, type Tensor } from "@tfs/tensor";
import { type InferOptions, metadata, predict, status } from "./infer/index.ts";

/** DirectCall is a Predict whose tensors are there already. */
export interface DirectCall {
  readonly spec: ModelSpec;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputFilter: readonly string[];
}

/** Direct asks a server in this process, without sockets and without bytes. It is a transport for the SDK: `newClient({ target: "memory", transport: server.direct() })`. */
export interface Direct {
  readonly name: "memory";
  readonly needsSignature: false;
  predict(ctx: Ctx, call: DirectCall): Promise<{ readonly outputs: ReadonlyMap<string, Tensor>; readonly spec: ModelSpec }>;
  metadata(ctx: Ctx, spec: ModelSpec): Promise<GetModelMetadataResponse>;
  status(ctx: Ctx, spec: ModelSpec): Promise<GetModelStatusResponse>;
  /** close leaves the server as it is. */
  close(): Promise<void>;
}

/** newDirect makes the transport. `check` throws where the server takes no calls; with `life` the runs end that have not ended by themselves. */
export function newDirect(infer: InferOptions, life: Ctx, check: () => void): Direct {
  return {
    name: "memory",
    needsSignature: false,
    async predict(ctx, { spec, inputs, outputFilter }) {
      check();
      throwIfDone(ctx);
      using own = withSignal(ctx, life.signal);
      const readers = new Map([...inputs].map(([alias, t]) => [alias, () => t]));
      const { outputs, spec: answered } = await race(own, predict(own, { spec, inputs: readers, outputFilter }, infer));
      return { outputs: new Map([...outputs].map(([alias, t]) => [alias, owned(t)])), spec: answered };
    },
    async metadata(ctx, spec) {
      check();
      throwIfDone(ctx);
      return metadata(create(GetModelMetadataRequestSchema, { modelSpec: spec, metadataField: ["signature_def"] }), infer);
    },
    async status(ctx, spec) {
      check();
      throwIfDone(ctx);
      return status(create(GetModelStatusRequestSchema, { modelSpec: spec }), infer);
    },
    async close() {},
  };
}

/** owned copies: an output may be the model's own constant, and whoever asked may write to what he got. */
function owned(t: Tensor): Tensor {
  const data = Array.isArray(t.data) ? t.data.map((bytes) => Uint8Array.from(bytes)) : t.data.slice();
  return newTensor(t.dtype, t.shape, data);
}

import type { GetModelMetadataResponse, GetModelStatusResponse, ModelSpec, SignatureDef } from "@tfs/proto";
import type { Ctx } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";

/** Headers go with a call: lower-case names. */
export type Headers = Readonly<Record<string, string>>;

export interface TransportPredict {
  readonly spec: ModelSpec;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputFilter: readonly string[];
  /** signature is known if the transport asked for it, or if the client needed it. */
  readonly signature: SignatureDef | undefined;
  readonly headers: Headers;
}

export interface TransportPrediction {
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** spec tells what answered; undefined where the protocol does not (REST). */
  readonly spec: ModelSpec | undefined;
}

/** TransportName is a protocol that a client speaks by itself. */
export type TransportName = "grpc" | "grpc-web" | "connect" | "rest";

/** Transport carries the verbs over one protocol to one target. Everything it throws is a Failure. */
export interface Transport {
  readonly name: string;
  /** needsSignature: predict cannot read an answer without the model's signature. */
  readonly needsSignature: boolean;
  predict(ctx: Ctx, call: TransportPredict): Promise<TransportPrediction>;
  metadata(ctx: Ctx, spec: ModelSpec, headers: Headers): Promise<GetModelMetadataResponse>;
  status(ctx: Ctx, spec: ModelSpec, headers: Headers): Promise<GetModelStatusResponse>;
  close(): Promise<void>;
}

/** TlsOptions say whom to trust and who we are, in PEM. They are for Node: a browser decides that itself. */
export interface TlsOptions {
  /** ca are the certificates of who may sign the server's; default the ones that Node trusts. */
  readonly ca?: string | Uint8Array;
  /** cert and key are what we show to a server that asks for it. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** serverName is the name that the server's certificate must bear; default the target's host. */
  readonly serverName?: string;
}

export interface TransportOptions {
  /** target is "host:port", "unix:path" (gRPC), or an http(s) URL. */
  readonly target: string;
  /** tls encrypts, as a target that starts with https:// does; default plaintext. */
  readonly tls?: TlsOptions;
}

/** NewTransport makes a transport by its name; which names there are depends on where the code runs. */
export type NewTransport = (name: TransportName | undefined, options: TransportOptions) => Transport;

import { newTransport } from "#default-transport";
import { create } from "@bufbuild/protobuf";
import { type ModelSpec, ModelSpecSchema, ModelVersionStatus_State, type SignatureDef, type TensorInfo } from "@tfs/proto";
import { background, Code, type Ctx, canceled, isFailure, nearest, newError, systemClock, withSignal, withTimeout } from "@tfs/std";
import { type DType, type Tensor, toDType } from "@tfs/tensor";
import { isTyped, type TensorInput, toTensor } from "../codec/input.ts";
import { dtypeText, type TensorOutput, toOutput } from "../codec/output.ts";
import type { Headers, TlsOptions, Transport, TransportName } from "../transport/transport.ts";
import { callError } from "./error.ts";
import { newSignatureCache, type SignatureMap, unpack } from "./signatures.ts";

export interface ClientOptions {
  /** target is "host:port", "unix:path" (gRPC), or an http URL. */
  readonly target: string;
  /** tls encrypts, and says whom to trust; default plaintext, or what Node trusts where the target says https://. Not for REST and browsers, which go by their own. */
  readonly tls?: TlsOptions;
  /** transport is the protocol; default gRPC in Node and gRPC-Web in browsers. */
  readonly transport?: TransportName | Transport;
  /** timeoutMs bounds a whole call, in milliseconds; default 60,000. Infinity means no bound. */
  readonly timeoutMs?: number;
  /** headers go with every call. */
  readonly headers?: Headers;
}

export interface CallOptions {
  /** signal cancels the call; the server is told. */
  readonly signal?: AbortSignal;
  /** timeoutMs bounds this call instead of the client's. */
  readonly timeoutMs?: number;
  readonly headers?: Headers;
}

/** ModelRef names a model, and at most one of version and label; neither means the highest version available. */
export interface ModelRef {
  readonly model: string;
  readonly version?: bigint | number;
  readonly label?: string;
}

export interface PredictRequest extends ModelRef {
  /** signature; default "serving_default". */
  readonly signature?: string;
  readonly inputs: Readonly<Record<string, TensorInput>>;
  /** outputFilter asks for these outputs only; default all. */
  readonly outputFilter?: readonly string[];
}

export interface PredictResult {
  readonly outputs: Readonly<Record<string, TensorOutput>>;
  /** model is what answered; over REST, which does not tell, the version that was asked for. */
  readonly model: { readonly name: string; readonly version: bigint | undefined; readonly signature: string };
}

/** TensorSpec describes an input or output: a dimension of -1 is unknown; shape is undefined if the rank is. */
export interface TensorSpec {
  /** name in the graph. */
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[] | undefined;
}

export interface SignatureInfo {
  readonly methodName: string;
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  readonly outputs: Readonly<Record<string, TensorSpec>>;
}

export interface ModelMetadata {
  readonly model: { readonly name: string; readonly version: bigint | undefined };
  readonly signatures: Readonly<Record<string, SignatureInfo>>;
}

export interface VersionState {
  readonly version: bigint;
  /** state as TensorFlow Serving names it: "START", "LOADING", "AVAILABLE", "UNLOADING", "END". */
  readonly state: string;
  /** error that ended the version, if one did. */
  readonly error: { readonly code: number; readonly message: string } | undefined;
}

const defaultTimeoutMs = 60_000;
const defaultSignature = "serving_default";

class Client implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #options: ClientOptions;
  readonly #signatures: ReturnType<typeof newSignatureCache>;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#transport =
      typeof options.transport === "object"
        ? options.transport
        : newTransport(options.transport, { target: options.target, ...(options.tls === undefined ? {} : { tls: options.tls }) });
    this.#signatures = newSignatureCache(this.#transport, systemClock());
  }

  /**
   * predict runs a signature. Plain numbers take the dtype that the signature declares (it is asked for once and remembered); inputs that say their
   * dtype are sent without asking. Throws TfsError.
   */
  async predict(request: PredictRequest, options: CallOptions = {}): Promise<PredictResult> {
    return await this.#call(request, options, async (ctx, spec, headers, sent) => {
      const values = Object.entries(request.inputs);
      const known =
        this.#transport.needsSignature || values.some(([, value]) => !isTyped(value)) ? await this.#signatures(ctx, bare(spec), headers) : undefined;
      const signature = known === undefined ? undefined : signatureOf(known, request.signature ?? defaultSignature);
      const inputs = new Map(values.map(([alias, value]) => [alias, inputOf(alias, value, signature)]));
      sent();
      const { outputs, spec: answered } = await this.#transport.predict(ctx, { spec, inputs, outputFilter: request.outputFilter ?? [], signature, headers });
      const version = answered === undefined ? versionOf(spec) : versionOf(answered);
      return {
        outputs: Object.fromEntries([...outputs].map(([alias, t]) => [alias, toOutput(t)])),
        model: { name: request.model, version, signature: answered?.signatureName || request.signature || defaultSignature },
      };
    });
  }

  /** metadata describes a model's signatures. Throws TfsError. */
  async metadata(ref: ModelRef, options: CallOptions = {}): Promise<ModelMetadata> {
    return await this.#call(ref, options, async (ctx, spec, headers, sent) => {
      sent();
      const response = await this.#transport.metadata(ctx, spec, headers);
      const signatures = Object.entries(unpack(response)).map(([name, s]) => [name, infoOf(s)] as const);
      return {
        model: { name: ref.model, version: response.modelSpec === undefined ? undefined : versionOf(response.modelSpec) },
        signatures: Object.fromEntries(signatures),
      };
    });
  }

  /** status lists the versions that the server has seen, highest first. Throws TfsError. */
  async status(ref: ModelRef, options: CallOptions = {}): Promise<VersionState[]> {
    return await this.#call(ref, options, async (ctx, spec, headers, sent) => {
      sent();
      const response = await this.#transport.status(ctx, spec, headers);
      return response.modelVersionStatus.map(({ version, state, status }) => ({
        version,
        state: states.get(state) ?? String(state),
        error: status === undefined || status.errorCode === 0 ? undefined : { code: status.errorCode, message: status.errorMessage },
      }));
    });
  }

  /** close lets go of connections. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** #call sets the deadline and the cancellation up, takes them down on every way out, and gives errors their context. */
  async #call<T>(ref: ModelRef, options: CallOptions, run: (ctx: Ctx, spec: ModelSpec, headers: Headers, sent: () => void) => Promise<T>): Promise<T> {
    let attempts = 0;
    using cancellable = options.signal === undefined ? withTimeout(background(), Number.POSITIVE_INFINITY) : withSignal(background(), options.signal);
    using ctx = withTimeout(cancellable, options.timeoutMs ?? this.#options.timeoutMs ?? defaultTimeoutMs);
    try {
      return await run(ctx, specOf(ref, "signature" in ref ? String(ref.signature ?? "") : ""), { ...this.#options.headers, ...options.headers }, () => {
        attempts++;
      });
    } catch (err) {
      const aborted = options.signal?.aborted === true && !isFailure(err) ? canceled : err;
      throw callError(aborted, { model: ref.model, target: this.#options.target, attempts });
    }
  }
}
export type { Client };

/** newClient makes a client of one target. It connects on first use; close it, or declare it with `await using`. */
export function newClient(options: ClientOptions): Client {
  return new Client(options);
}

const states = new Map<number, string>(Object.entries(ModelVersionStatus_State).map(([name, n]) => [n as number, name]));

function specOf(ref: ModelRef, signatureName: string): ModelSpec {
  if (ref.version !== undefined && ref.label !== undefined) throw newError(Code.InvalidArgument, "give a version or a label, not both");
  const base = { name: ref.model, signatureName };
  if (ref.version !== undefined) return create(ModelSpecSchema, { ...base, versionChoice: { case: "version", value: { value: BigInt(ref.version) } } });
  return create(ModelSpecSchema, ref.label === undefined ? base : { ...base, versionChoice: { case: "versionLabel", value: ref.label } });
}

/** bare is a spec without its signature name: metadata does not depend on it. */
function bare(spec: ModelSpec): ModelSpec {
  return create(ModelSpecSchema, { name: spec.name, versionChoice: spec.versionChoice });
}

function versionOf(spec: ModelSpec): bigint | undefined {
  return spec.versionChoice.case === "version" ? spec.versionChoice.value.value : undefined;
}

function signatureOf(known: SignatureMap, name: string): SignatureDef {
  const found = known[name];
  if (found !== undefined) return found;
  const close = nearest(name, Object.keys(known));
  throw newError(
    Code.InvalidArgument,
    `the model has no signature ${name}${close === undefined ? `; it has ${Object.keys(known).sort().join(", ")}` : `; did you mean ${close}?`}`,
  );
}

/** inputOf reads one input and holds it to the signature, where it is known: name and dtype. Shapes are the graph's to judge, as on the server. */
function inputOf(alias: string, value: TensorInput, signature: SignatureDef | undefined): Tensor {
  const info = signature?.inputs[alias];
  if (signature !== undefined && info === undefined) {
    const names = Object.keys(signature.inputs).sort();
    const close = nearest(alias, names);
    throw newError(
      Code.InvalidArgument,
      `inputs.${alias}: the signature has no such input${close === undefined ? `; it has ${names.join(", ")}` : `; did you mean ${close}?`}`,
    );
  }
  return toTensor(`inputs.${alias}`, value, info === undefined ? undefined : dtypeOf(info));
}

function dtypeOf(info: TensorInfo): DType | undefined {
  return toDType(info.dtype);
}

function infoOf(signature: SignatureDef): SignatureInfo {
  const side = (map: { readonly [alias: string]: TensorInfo }): Record<string, TensorSpec> =>
    Object.fromEntries(
      Object.entries(map).map(([alias, info]) => {
        const dtype = toDType(info.dtype);
        const shape = info.tensorShape === undefined || info.tensorShape.unknownRank ? undefined : info.tensorShape.dim.map((d) => Number(d.size));
        return [
          alias,
          { name: info.encoding.case === "name" ? info.encoding.value : "", dtype: dtype === undefined ? String(info.dtype) : dtypeText(dtype), shape },
        ];
      }),
    );
  return { methodName: signature.methodName, inputs: side(signature.inputs), outputs: side(signature.outputs) };
}

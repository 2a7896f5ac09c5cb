import { create } from "@bufbuild/protobuf";
import {
  ClassificationRequestSchema,
  GetModelMetadataRequestSchema,
  GetModelStatusRequestSchema,
  type ModelSpec,
  ModelSpecSchema,
  RegressionRequestSchema,
} from "@tfs/proto";
import {
  gunzipped,
  httpStatus,
  isApi,
  isGzipped,
  type Numbers,
  parseExamples,
  type PredictDocument,
  parsePredict,
  printClassify,
  printError,
  printMetadata,
  printPredict,
  printRegress,
  printStatus,
  type Route,
  route,
  type Target,
} from "@tfs/rest";
import { type Body, type Budget, collectBody, type Exchange, type ListenerOptions, newField, newFields } from "@tfs/rpc";
import { background, Code, type Ctx, type Logger, toFailure, withTimeout } from "@tfs/std";
import { classify, type InferOptions, metadata, predictOn, regress, signatureOf, status } from "../infer/index.ts";

export interface HttpOptions {
  readonly infer: InferOptions;
  /** timeoutMs bounds one inference; 0 or less means no limit. */
  readonly timeoutMs: number;
  readonly cors: boolean;
  /** maxBodyBytes bounds a request's body. */
  readonly maxBodyBytes: number;
  /** bodies bounds all bodies that are in memory at a time. */
  readonly bodies: Budget;
  /** numbers is how floats are printed. */
  readonly numbers: Numbers;
  readonly logger: Logger;
}

/** Answer is a response to write. */
interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly type?: string;
}

const json = "application/json";
const page = new TextEncoder().encode("<html><head>\n<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n</body></html>\n");

/** newHttpHandler answers `/v1/…`; any other path is a plain 404. */
export function newHttpHandler(options: HttpOptions): ListenerOptions["onExchange"] {
  return (exchange) => {
    const body = collectBody(exchange, options.maxBodyBytes, { budget: options.bodies });
    void answer(exchange, body, options).then((a) => {
      body.release();
      write(exchange, a, options.cors);
    });
  };
}

function write(exchange: Exchange, { status: code, body, type }: Answer, cors: boolean): void {
  const fields = [newField(":status", String(code)), newField("content-length", String(body.length))];
  if (type !== undefined) fields.push(newField("content-type", type));
  if (cors) {
    fields.push(newField("access-control-allow-origin", "*"));
    fields.push(newField("access-control-allow-methods", "POST, GET"));
    fields.push(newField("access-control-allow-headers", "Content-Type"));
  }
  if (body.length === 0) return void exchange.respond(newFields(fields), true);
  exchange.respond(newFields(fields));
  exchange.write(body);
  exchange.end();
}

async function answer(exchange: Exchange, received: Body, options: HttpOptions): Promise<Answer> {
  const { fields } = exchange;
  const target = fields.get(":path") ?? "/";
  if (!isApi(target.replace(/\?.*$/, "")) && !isApi(target)) return { status: 404, body: page, type: "text/html" };
  try {
    const call = route(fields.get(":method") ?? "GET", target);
    if (call.kind === "preflight") return preflight(fields.get("origin") ?? "");
    const body = call.kind === "status" || call.kind === "metadata" ? new Uint8Array(0) : await (isGzipped(fields) ? gunzipped(received) : received.whole());
    using ctx = withTimeout(background(), options.timeoutMs > 0 ? options.timeoutMs : Number.POSITIVE_INFINITY);
    return { status: 200, body: await run(ctx, call, body, options), type: json };
  } catch (err) {
    const failure = toFailure(err);
    if (failure.code === Code.Internal) options.logger.error("request failed", { target, error: err });
    return { status: httpStatus(failure.code), body: printError(failure.message), type: json };
  }
}

/** An OPTIONS request without an origin is refused, with an empty body. */
function preflight(origin: string): Answer {
  return { status: /https?:\/\//.test(origin) ? 200 : 400, body: new Uint8Array(0) };
}

/** acquire holds the version that a document is for. A body that is not JSON is the first thing to complain about. */
function acquire(document: PredictDocument, spec: ModelSpec, infer: InferOptions): ReturnType<InferOptions["manager"]["acquire"]> {
  try {
    return infer.manager.acquire(spec);
  } catch (err) {
    document.check();
    throw err;
  }
}

async function run(ctx: Ctx, call: Exclude<Route, { kind: "preflight" }>, body: Uint8Array, options: HttpOptions): Promise<Uint8Array> {
  const { infer } = options;
  switch (call.kind) {
    case "predict": {
      const document = parsePredict(body);
      const spec = specOf(call, document.signatureName);
      using handle = acquire(document, spec, infer);
      const { format, inputs } = document.inputs(signatureOf(handle.servable, spec));
      const read = new Map([...inputs].map(([alias, t]) => [alias, () => t]));
      return printPredict((await predictOn(ctx, handle.servable, { spec, inputs: read, outputFilter: [] }, infer)).outputs, format, options);
    }
    case "classify": {
      const { signatureName, input } = parseExamples(body);
      const response = await classify(ctx, create(ClassificationRequestSchema, { modelSpec: specOf(call, signatureName), input }), infer);
      return printClassify(response.result!, options);
    }
    case "regress": {
      const { signatureName, input } = parseExamples(body);
      const response = await regress(ctx, create(RegressionRequestSchema, { modelSpec: specOf(call, signatureName), input }), infer);
      return printRegress(response.result!, options);
    }
    case "metadata":
      return printMetadata(metadata(create(GetModelMetadataRequestSchema, { modelSpec: specOf(call, ""), metadataField: ["signature_def"] }), infer));
    case "status":
      return printStatus(status(create(GetModelStatusRequestSchema, { modelSpec: specOf(call, "") }), infer));
  }
}

function specOf(target: Target, signatureName: string): ModelSpec {
  const { model, version, label } = target;
  const base = { name: model, signatureName };
  if (version !== undefined) return create(ModelSpecSchema, { ...base, versionChoice: { case: "version", value: { value: version } } });
  return create(ModelSpecSchema, label === undefined ? base : { ...base, versionChoice: { case: "versionLabel", value: label } });
}

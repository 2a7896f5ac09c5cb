import { httpStatus, isApi, isGzipped, isServed, gunzipped, moreRoute, type Numbers, printError, printPage, route } from "@tfs/rest";
import { type Body, type Budget, collectBody, type Exchange, type Fields, ignoreBody, type ListenerOptions, newField } from "@tfs/rpc";
import { Code, type Ctx, done, type Failure, type Logger, toFailure, withTimeout } from "@tfs/std";
import type { Admission } from "../admission/index.ts";
import { saysLow } from "../priority/index.ts";
import type { InferOptions } from "../infer/index.ts";
import { type Call, type Meter, traceField } from "../meter/index.ts";
import { type Answer, json, write } from "./answer.ts";
import { arraysOf } from "./binary.ts";
import { run } from "./calls.ts";
import { newCompressor } from "./compress.ts";
import type { Fleet } from "./fleet.ts";
import { health } from "./health.ts";
import { describe } from "./more.ts";

export interface HttpOptions {
  readonly infer: InferOptions;
  /** admission says which calls are taken, and when each may run its model. */
  readonly admission: Pick<Admission, "refuse" | "run">;
  /** fleet is told by health, the list of models and the server's own description. */
  readonly fleet: Fleet;
  /** timeoutMs bounds one inference; 0 or less means no limit. */
  readonly timeoutMs: number;
  readonly cors: boolean;
  /** compress lets answers be compressed, for clients that accept it. */
  readonly compress: boolean;
  /** listModels answers GET /v1/models with the list of models; without it that is an error, as in TensorFlow Serving. */
  readonly listModels: boolean;
  /** maxBodyBytes bounds a request's body. */
  readonly maxBodyBytes: number;
  /** bodies bounds all bodies that are in memory at a time. */
  readonly bodies: Budget;
  /** numbers is how floats are printed. */
  readonly numbers: Numbers;
  /** ctxOf adds what a request's headers say of how it is to be run; without it they say nothing. */
  readonly ctxOf?: ((ctx: Ctx, fields: Fields) => Ctx) | undefined;
  readonly meter: Meter;
  /** pages answers first what it knows by its path: those of metrics. */
  readonly pages: (method: string, target: string, accept: string | undefined) => Answer | undefined;
  readonly logger: Logger;
  /** life ends the runs that go on after the server, since who disconnects does not end his own. */
  readonly life: Ctx;
}

const pageOf = (status: number, title: string): Answer => ({ status, body: printPage(status, title), type: "text/html", outside: true });
/** When a server that has too much to do may be asked again, in seconds. */
const later = [newField("retry-after", "1")];

const notFound = pageOf(404, "Not Found");
const notImplemented = pageOf(501, "Not Implemented");

/** newHttpHandler answers `/v1/…`, health, and descriptions of the API; any other path is a plain 404. */
export function newHttpHandler(options: HttpOptions): ListenerOptions["onExchange"] {
  void done(options.life); // one follower that stays: to be the first and the last one costs each request more
  const writing = { cors: options.cors, compressor: options.compress ? newCompressor() : undefined };
  return (exchange) => {
    const { fields } = exchange;
    const refusal = fields.get(":method") === "POST" ? options.admission.refuse(saysLow(fields)) : undefined; // all that is posted runs models
    if (refusal !== undefined) {
      options.meter.begin("rest", "other", exchange).end(refusal.code, 0);
      return void shed(exchange, refusal);
    }
    const body = collectBody(exchange, options.maxBodyBytes, { budget: options.bodies });
    void serve(exchange, body);
  };

  /** shed refuses a request before it is read. */
  function shed(exchange: Exchange, { code, message }: Failure): Promise<void> {
    ignoreBody(exchange);
    return write(exchange, { status: httpStatus(code), body: printError(message), type: json, more: later }, writing);
  }

  async function serve(exchange: Exchange, body: Body): Promise<void> {
    const found = await answer(exchange, body, options);
    body.release();
    await write(exchange, found, writing);
  }
}

async function answer(exchange: Exchange, received: Body, options: HttpOptions): Promise<Answer> {
  const { fields } = exchange;
  const method = fields.get(":method") ?? "GET";
  const target = fields.get(":path") ?? "/";
  if (!isServed(method)) return notImplemented;
  try {
    const found = options.pages(method, target, fields.get("accept")) ?? health(method, target, options.fleet);
    if (found !== undefined) return found;
    if (!isApi(target.replace(/\?.*$/, "")) && !isApi(target) && !(method === "GET" && target === "/openapi.json")) return notFound;
    return await counted({ fields, method, target, received, call: options.meter.begin("rest", "other", exchange) }, options);
  } catch (err) {
    const failure = toFailure(err);
    if (failure.code === Code.Internal) options.logger.error("request failed", { target, ...traceField(options.meter, exchange), error: err });
    const [status, body] = [httpStatus(failure.code), printError(failure.message)];
    return { status, body, type: json, ...((status === 429 || status === 503) && { more: later }) };
  }
}

/** Request is one that has come as far as the API. */
interface Request {
  readonly fields: Fields;
  readonly method: string;
  readonly target: string;
  readonly received: Body;
  readonly call: Call;
}

/** counted answers a request, and counts it: TensorFlow Serving counts all that is the API's, whatever it is. */
async function counted(request: Request, options: HttpOptions): Promise<Answer> {
  try {
    const answered = await answerApi(request, options);
    request.call.end(answered.status === 200 ? Code.Ok : Code.FailedPrecondition, answered.body.length); // a preflight without an origin
    return answered;
  } catch (err) {
    request.call.end(toFailure(err).code, 0);
    throw err;
  }
}

async function answerApi({ fields, method, target, received, call }: Request, options: HttpOptions): Promise<Answer> {
  const more = moreRoute(method, target);
  if (more !== undefined && (more.kind !== "models" || options.listModels)) {
    if (more.kind === "models") call.named("", "list_models");
    return { status: 200, body: describe(more, options), type: json };
  }
  const arrays = arraysOf(fields, method, target);
  const asked = route(method, arrays?.path ?? target);
  if (asked.kind === "preflight") return preflight(fields.get("origin") ?? "");
  call.named(asked.model, asked.kind);
  const body = asked.kind === "status" || asked.kind === "metadata" ? new Uint8Array(0) : await (isGzipped(fields) ? gunzipped(received) : received.whole());
  call.received(body.length);
  using ctx = withTimeout(options.life, options.timeoutMs > 0 ? options.timeoutMs : Number.POSITIVE_INFINITY);
  const answering = (): Promise<Answer> => run(options.ctxOf?.(ctx, fields) ?? ctx, { call: asked, body, arrays, seen: call }, options);
  return await (method === "POST" ? options.admission.run(ctx, saysLow(fields), answering) : answering());
}

/** An OPTIONS request without an origin is refused, with an empty body. */
function preflight(origin: string): Answer {
  return { status: /https?:\/\//.test(origin) ? 200 : 400, body: new Uint8Array(0) };
}

import { httpStatus, isApi, isGzipped, isServed, gunzipped, type MoreRoute, moreRoute, printError, printPage, type Route, route } from "@tfs/rest";
import { type Body, type Budget, collectBody, type Exchange, type Fields, ignoreBody, type ListenerOptions, newField } from "@tfs/rpc";
import { Code, type Ctx, done, type Failure, type Logger, toFailure, withTimeout } from "@tfs/std";
import type { Admission } from "../admission/index.ts";
import { saysLow } from "../priority/index.ts";
import { type Call, type Meter, traceField } from "../meter/index.ts";
import { type Answer, json, newWriter } from "./answer.ts";
import { type Arrays, arraysOf } from "./binary.ts";
import { type CallOptions, run } from "./calls.ts";
import { newCompressor } from "./compress.ts";
import type { Fleet } from "./fleet.ts";
import { health } from "./health.ts";
import { describe } from "./more.ts";

export interface HttpOptions extends CallOptions {
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
  const write = newWriter({ cors: options.cors, compressor: options.compress ? newCompressor() : undefined });
  return (exchange) => {
    const { fields } = exchange;
    const refusal = fields.get(":method") === "POST" ? options.admission.refuse(saysLow(fields)) : undefined; // all that is posted runs models
    if (refusal !== undefined) {
      options.meter.refused("rest", exchange, refusal.code);
      return shed(exchange, refusal);
    }
    const body = collectBody(exchange, options.maxBodyBytes, { budget: options.bodies });
    void serve(exchange, body);
  };

  /** shed refuses a request before it is read. */
  function shed(exchange: Exchange, { code, message }: Failure): void {
    ignoreBody(exchange);
    write(exchange, { status: httpStatus(code), body: printError(message), type: json, more: later });
  }

  async function serve(exchange: Exchange, body: Body): Promise<void> {
    const found = await answer(exchange, body, options);
    body.release();
    write(exchange, found);
  }
}

async function answer(exchange: Exchange, received: Body, options: HttpOptions): Promise<Answer> {
  const { fields } = exchange;
  const method = fields.get(":method") ?? "GET";
  const target = fields.get(":path") ?? "/";
  try {
    if (fields.memo === undefined) {
      const found = beside(method, target, fields, options);
      if (found !== undefined) return found;
    }
    return await answerApi({ fields, method, target, received, call: options.meter.begin("rest", "other", exchange) }, options);
  } catch (err) {
    const failure = toFailure(err);
    if (failure.code === Code.Internal) options.logger.error("request failed", { target, ...traceField(options.meter, exchange), error: err });
    const [status, body] = [httpStatus(failure.code), printError(failure.message)];
    return { status, body, type: json, ...((status === 429 || status === 503) && { more: later }) };
  }
}

/** beside answers what is none of the API's. */
function beside(method: string, target: string, fields: Fields, { pages, fleet }: HttpOptions): Answer | undefined {
  if (!isServed(method)) return notImplemented;
  const found = pages(method, target, fields.get("accept")) ?? health(method, target, fleet);
  if (found !== undefined) return found;
  return isApi(target.replace(/\?.*$/, "")) || isApi(target) || (method === "GET" && target === "/openapi.json") ? undefined : notFound;
}

/** Request is one that has come as far as the API. */
interface Request {
  readonly fields: Fields;
  readonly method: string;
  readonly target: string;
  readonly received: Body;
  readonly call: Call;
}

/** Aim is what the fields of such a request say. It is remembered with them: the next request of a connection mostly has the same. */
type Aim = { readonly more: MoreRoute } | { readonly more: undefined; readonly asked: Route; readonly arrays: Arrays | undefined; readonly zipped: boolean };

/** aimOf throws InvalidArgument. */
function aimOf({ fields, method, target }: Request, { listModels }: HttpOptions): Aim {
  const more = moreRoute(method, target);
  if (more !== undefined && (more.kind !== "models" || listModels)) return { more };
  const arrays = arraysOf(fields, method, target);
  return { more: undefined, asked: route(method, arrays?.path ?? target), arrays, zipped: isGzipped(fields) };
}

/** answerApi answers a request, and counts it: TensorFlow Serving counts all that is the API's, whatever it is. */
async function answerApi(request: Request, options: HttpOptions): Promise<Answer> {
  const { call, fields } = request;
  try {
    const aim = (fields.memo ??= aimOf(request, options)) as Aim;
    const answered = aim.more === undefined ? await answerCall(request, aim, options) : answerMore(request, aim.more, options);
    call.end(answered.status === 200 ? Code.Ok : Code.FailedPrecondition, answered.body.length); // a preflight without an origin
    return answered;
  } catch (err) {
    call.end(toFailure(err).code, 0);
    throw err;
  }
}

function answerMore({ call }: Request, more: MoreRoute, options: HttpOptions): Answer {
  if (more.kind === "models") call.named("", "list_models");
  return { status: 200, body: describe(more, options), type: json };
}

async function answerCall({ fields, method, received, call }: Request, aim: Aim & { readonly more: undefined }, options: HttpOptions): Promise<Answer> {
  const { asked, arrays, zipped } = aim;
  if (asked.kind === "preflight") return preflight(fields.get("origin") ?? "");
  call.named(asked.model, asked.kind);
  const body = asked.kind === "status" || asked.kind === "metadata" ? new Uint8Array(0) : await (zipped ? gunzipped(received) : received.whole());
  call.received(body.length);
  using ctx = withTimeout(options.life, options.timeoutMs > 0 ? options.timeoutMs : Number.POSITIVE_INFINITY);
  const answering = (): Promise<Answer> => run(options.ctxOf?.(ctx, fields) ?? ctx, { call: asked, body, arrays, seen: call }, options);
  return await (method === "POST" ? options.admission.run(ctx, saysLow(fields), answering) : answering());
}

/** An OPTIONS request without an origin is refused, with an empty body. */
function preflight(origin: string): Answer {
  return { status: /https?:\/\//.test(origin) ? 200 : 400, body: new Uint8Array(0) };
}

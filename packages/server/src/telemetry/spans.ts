import type { Attributes } from "@opentelemetry/api";
import { httpStatus } from "@tfs/rest";
import type { Arrival, Fields } from "@tfs/rpc";
import { Code, codeName } from "@tfs/std";
import type { Ended, Kind, Spans } from "../meter/index.ts";
import { type Api, scope } from "./telemetry.ts";

/** Codes that are the server's fault, by OpenTelemetry's conventions for gRPC. */
const faults: ReadonlySet<Code> = new Set<Code>([Code.Unknown, Code.DeadlineExceeded, Code.Unimplemented, Code.Internal, Code.Unavailable, Code.DataLoss]);

/** newSpans makes a server's span for each call, with the attributes of OpenTelemetry's semantic conventions, and measures how long it took. */
export function newSpans(api: Api): Spans {
  const tracer = api.trace.getTracer(scope);
  const meter = api.metrics.getMeter(scope);
  const rpcSeconds = meter.createHistogram("rpc.server.call.duration", { unit: "s", description: "Duration of calls." });
  const httpSeconds = meter.createHistogram("http.server.request.duration", { unit: "s", description: "Duration of requests." });
  const getter = { keys: (fields: Fields) => fields.list.map(({ name }) => name), get: (fields: Fields, name: string) => fields.get(name) };
  const traces = new WeakMap<Arrival, string>();
  return {
    traceOf: (exchange) => traces.get(exchange),
    begin(kind, exchange) {
      const isRest = kind.protocol === "rest";
      const parent = api.propagation.extract(api.ROOT_CONTEXT, exchange.fields, getter);
      const { name, attributes } = isRest ? restOf(exchange) : rpcOf(kind, exchange);
      const span = tracer.startSpan(name, { kind: api.SpanKind.SERVER, attributes: { ...attributes, ...connectionOf(exchange) } }, parent);
      const context = span.spanContext();
      if (api.isSpanContextValid(context)) traces.set(exchange, context.traceId);
      return {
        traceId: (context.traceFlags & api.TraceFlags.SAMPLED) !== 0 ? context.traceId : undefined,
        end(ended) {
          const outcome = isRest ? restOutcome(ended) : rpcOutcome(ended);
          span.setAttributes({ ...outcome, ...modelOf(ended) });
          const route = isRest ? routes[ended.method] : undefined;
          if (route !== undefined) span.updateName(`${name} ${route}`);
          if (isRest ? httpStatus(ended.code) >= 500 : faults.has(ended.code)) span.setStatus({ code: api.SpanStatusCode.ERROR });
          span.end();
          (isRest ? httpSeconds : rpcSeconds).record(ended.seconds, { ...attributesOfMetric(attributes), ...outcome });
        },
      };
    },
  };
}

/** routes are what stands for the paths of a method. */
const routes: { readonly [method in Ended["method"]]?: string } = {
  predict: "/v1/models/{model}:predict",
  classify: "/v1/models/{model}:classify",
  regress: "/v1/models/{model}:regress",
  metadata: "/v1/models/{model}/metadata",
  status: "/v1/models/{model}",
  list_models: "/v1/models",
};

interface Start {
  readonly name: string;
  readonly attributes: Attributes;
}

function rpcOf({ protocol }: Kind, { fields }: Arrival): Start {
  const name = (fields.get(":path") ?? "").slice(1).replace(/\?.*$/s, "");
  return { name, attributes: { "rpc.system.name": protocol === "connect" ? "connectrpc" : "grpc", "rpc.method": name } };
}

function rpcOutcome({ protocol, code }: Ended): Attributes {
  const status = protocol === "connect" ? codeName(code).toLowerCase() : codeName(code);
  return { "rpc.response.status_code": status, ...(code === Code.Ok ? {} : { "error.type": status }) };
}

function restOf({ fields }: Arrival): Start {
  const method = fields.get(":method") ?? "GET";
  const path = (fields.get(":path") ?? "/").replace(/\?.*$/s, "");
  return { name: method, attributes: { "http.request.method": method, "url.path": path, "url.scheme": fields.get(":scheme") ?? "http" } };
}

function restOutcome({ method, code }: Ended): Attributes {
  const status = httpStatus(code);
  const route = routes[method];
  return {
    "http.response.status_code": status,
    ...(route === undefined ? {} : { "http.route": route }),
    ...(status >= 500 ? { "error.type": String(status) } : {}),
  };
}

/** attributesOfMetric are those that few values have. */
function attributesOfMetric({ "url.path": _, ...attributes }: Attributes): Attributes {
  return attributes;
}

function connectionOf({ peer, wire }: Arrival): Attributes {
  return { "network.protocol.version": wire === "http2" ? "2" : "1.1", ...(peer.address === "" ? {} : { "client.address": peer.address }) };
}

function modelOf({ model, version, signature }: Ended): Attributes {
  return {
    ...(model === "" ? {} : { "tfs.model.name": model }),
    ...(version === "" ? {} : { "tfs.model.version": version }),
    ...(signature === "" ? {} : { "tfs.signature": signature }),
  };
}

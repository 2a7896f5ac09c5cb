// Data plane: what a request is depends on its fields alone, and most requests have the same fields as one before.
import { isApi, type Target } from "@tfs/rest";
import { dialectOf, type Exchange, type Fields, type ListenerOptions, type Stream } from "@tfs/rpc";
import { type ForwardOptions, forward, requestFields } from "../forward/index.ts";
import { type Health, isHealth } from "../health/index.ts";
import { isReflection, type Reflection } from "../reflection/index.ts";
import type { Schema } from "../schema/index.ts";
import { type Plan, planOf, type TranslateOptions, translate } from "../translate/index.ts";
import { predictTarget, servePredict } from "./predict.ts";
import { type RestOptions, serveRest } from "./rest.ts";

export interface HandlerOptions extends RestOptions, ForwardOptions, TranslateOptions {
  readonly health: Health;
  /** reflection, if it is answered here; otherwise it is forwarded like any call. */
  readonly reflection: Reflection | undefined;
  /** schema has the methods whose messages may come as JSON. */
  readonly schema: Schema;
}

/** Kind is who answers a request. */
type Kind =
  | { readonly is: "forward"; readonly fields: Fields }
  | { readonly is: "translate"; readonly plan: Plan }
  | { readonly is: "predict"; readonly target: Target }
  | { readonly is: "health" }
  | { readonly is: "reflection" }
  | { readonly is: "plain" };

/**
 * newHandler makes what a listener calls: gRPC is forwarded but for health and reflection, which are answered here; gRPC-Web and Connect are translated; everything
 * else is plain HTTP.
 */
export function newHandler(options: HandlerOptions): ListenerOptions["onExchange"] {
  return (exchange) => {
    exchange.fields.memo ??= kindOf(exchange, options);
    const kind = exchange.fields.memo as Kind;
    switch (kind.is) {
      case "forward":
        return forward(exchange as Stream, kind.fields, options);
      case "translate":
        return translate(exchange, kind.plan, options);
      case "health":
        return options.health.serve(exchange);
      case "reflection":
        return options.reflection!.serve(exchange); // kindOf looked
      case "predict":
        return servePredict(exchange, kind.target, options);
      case "plain":
        return void serveRest(exchange, options);
    }
  };
}

function kindOf(exchange: Exchange, options: HandlerOptions): Kind {
  const { fields } = exchange;
  const dialect = dialectOf(fields);
  if (dialect === undefined) return plainKind(fields);
  const { path } = dialect;
  if (dialect.protocol === "grpc") {
    if (exchange.wire !== "http2") return plainKind(fields);
    if (isHealth(path)) return { is: "health" };
    if (options.reflection !== undefined && isReflection(path)) return { is: "reflection" };
    return { is: "forward", fields: requestFields(fields) };
  }
  // JSON is TensorFlow Serving's own dialect where its API is, and Connect's everywhere else.
  return isApi(path) ? plainKind(fields) : { is: "translate", plan: planOf(fields, dialect, options.schema) };
}

function plainKind(fields: Fields): Kind {
  const target = predictTarget(fields);
  return target === undefined ? { is: "plain" } : { is: "predict", target };
}

// Data plane: what a request is depends on its fields alone, and most requests have the same fields as one before.
import { collectBody, type Exchange, type Fields, type ListenerOptions, type Stream } from "@tfs/rpc";
import { type ForwardOptions, forward, requestFields } from "../forward/index.ts";
import { type Health, isHealth } from "../health/index.ts";
import { isReflection, type Reflection } from "../reflection/index.ts";
import { type RestOptions, serveRest } from "./rest.ts";

export interface HandlerOptions extends RestOptions, ForwardOptions {
  readonly health: Health;
  /** reflection, if it is answered here; otherwise it is forwarded like any call. */
  readonly reflection: Reflection | undefined;
}

/** Kind is who answers a request. */
type Kind = { readonly is: "forward"; readonly fields: Fields } | { readonly is: "health" } | { readonly is: "reflection" } | { readonly is: "plain" };

/** newHandler makes what a listener calls: gRPC is forwarded but for health and reflection, which are answered here; everything else is plain HTTP. */
export function newHandler(options: HandlerOptions): ListenerOptions["onExchange"] {
  return (exchange) => {
    exchange.fields.memo ??= kindOf(exchange, options);
    const kind = exchange.fields.memo as Kind;
    switch (kind.is) {
      case "forward":
        return forward(exchange as Stream, kind.fields, options);
      case "health":
        return options.health.serve(exchange);
      case "reflection":
        return options.reflection!.serve(exchange); // kindOf looked
      case "plain":
        return void serveRest(exchange, collectBody(exchange, options.maxRequestBytes), options);
    }
  };
}

function kindOf(exchange: Exchange, options: HandlerOptions): Kind {
  const { fields } = exchange;
  if (exchange.wire !== "http2" || !isGrpc(fields.get("content-type"))) return { is: "plain" };
  const path = fields.get(":path") ?? "";
  if (isHealth(path)) return { is: "health" };
  if (options.reflection !== undefined && isReflection(path)) return { is: "reflection" };
  return { is: "forward", fields: requestFields(fields) };
}

/** gRPC proper; gRPC-Web has content types of its own. */
function isGrpc(type: string | undefined): boolean {
  return type !== undefined && (type === "application/grpc" || type.startsWith("application/grpc+") || type.startsWith("application/grpc;"));
}

// Data plane: what a request is depends on its fields alone, and most requests have the same fields as one before.
import { collectBody, type Exchange, type Fields, type ListenerOptions, type Stream } from "@tfs/rpc";
import { type ForwardOptions, forward, requestFields } from "../forward/index.ts";
import { isHealth, serveHealth } from "./health.ts";
import { type RestOptions, serveRest } from "./rest.ts";

export interface HandlerOptions extends RestOptions, ForwardOptions {}

/** Kind is who answers a request. */
type Kind = { readonly is: "forward"; readonly fields: Fields } | { readonly is: "health" } | { readonly is: "plain" };

/** newHandler makes what a listener calls: gRPC is forwarded but for health, which is answered here; everything else is plain HTTP. */
export function newHandler(options: HandlerOptions): ListenerOptions["onExchange"] {
  return (exchange) => {
    exchange.fields.memo ??= kindOf(exchange);
    const kind = exchange.fields.memo as Kind;
    switch (kind.is) {
      case "forward":
        return forward(exchange as Stream, kind.fields, options);
      case "health":
        return serveHealth(exchange, options.ready);
      case "plain":
        return void serveRest(exchange, collectBody(exchange, options.maxRequestBytes), options);
    }
  };
}

function kindOf(exchange: Exchange): Kind {
  if (exchange.wire !== "http2" || !isGrpc(exchange.fields.get("content-type"))) return { is: "plain" };
  return isHealth(exchange.fields.get(":path") ?? "") ? { is: "health" } : { is: "forward", fields: requestFields(exchange.fields) };
}

/** gRPC proper; gRPC-Web has content types of its own. */
function isGrpc(type: string | undefined): boolean {
  return type !== undefined && (type === "application/grpc" || type.startsWith("application/grpc+") || type.startsWith("application/grpc;"));
}

// Data plane: who answers a request was mostly decided for one before.
import { collectBody, type Exchange, type Field, type ListenerOptions, moreFields, newFields, type Stream, trailersOnly } from "@tfs/rpc";
import type { Failure } from "@tfs/std";
import { type ForwardOptions, forward } from "../forward/index.ts";
import { type Plan, translate } from "../translate/index.ts";
import { edgeOf } from "./edge.ts";
import { metadataOf, type RequestIds, requestIdName } from "./ids.ts";
import { type Kind, type KindOptions, newKinds } from "./kind.ts";
import { serveOwn } from "./own.ts";
import { servePredict } from "./predict.ts";
import { type RestOptions, serveRest } from "./rest.ts";

export interface HandlerOptions extends RestOptions, KindOptions {
  readonly ids: RequestIds;
}

/**
 * newHandler makes what a listener calls: methods of our own are answered, whatever protocol they are called by; other gRPC is forwarded; gRPC-Web and Connect are
 * translated; everything else is plain HTTP.
 */
export function newHandler(options: HandlerOptions): ListenerOptions["onExchange"] {
  const { ids, clock } = options;
  const kinds = newKinds(options);
  return (exchange) => {
    exchange.fields.memo ??= kinds.of(exchange);
    const kind = exchange.fields.memo as Kind;
    switch (kind.is) {
      case "forward":
        return forward(exchange as Stream, kind.wantsId ? moreFields(kind.fields, [ids.of(exchange.fields)]) : kind.fields, kind.options);
      case "refused":
        return refuse(exchange, kind.failure, kind.options);
      case "own": {
        const edged = kind.dialect.protocol !== "grpc";
        return serveOwn(edged ? edgeOf(exchange, { adds: [ids.of(exchange.fields)], opened: kind.opened }) : exchange, kind, options);
      }
      case "preflight":
        collectBody(exchange, 0); // a question has none
        return exchange.respond(kind.answer, true);
      case "translate": {
        const id = ids.of(exchange.fields);
        return translate(edgeOf(exchange, { adds: [id], opened: kind.opened }), named(kind.plan, id), kind.options);
      }
      case "predict": {
        const id = ids.of(exchange.fields);
        const edge = edgeOf(exchange, { adds: [id], opened: kind.opened }, { meter: kinds.rest, model: kind.model, clock });
        return servePredict(edge, { target: kind.target, metadata: metadataOf(exchange.fields, id) }, options);
      }
      case "plain": {
        const id = ids.of(exchange.fields);
        const edge = edgeOf(exchange, { adds: [id], opened: kind.opened }, kind.model && { meter: kinds.rest, model: kind.model, clock });
        return void serveRest(edge, metadataOf(exchange.fields, id), options);
      }
    }
  };
}

/** named gives a plan whose call has this id: what it came with, if it is the same. */
function named(plan: Plan, id: Field): Plan {
  if (plan.is === "refuse" || plan.fields.get(requestIdName) === id.value) return plan;
  return { ...plan, fields: newFields([...plan.fields.list.filter(({ name }) => name !== requestIdName), id]) };
}

function refuse(exchange: Exchange, failure: Failure, { meter }: ForwardOptions): void {
  meter.begin();
  exchange.respond(trailersOnly(failure), true);
  meter.end(meter.unknown, failure.code, 0, 0, 0);
}

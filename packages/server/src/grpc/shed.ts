import { type Dialect, type Exchange, type Fields, ignoreBody, refuseCall, trailersOnly } from "@tfs/rpc";
import type { Failure } from "@tfs/std";

/** newShedder refuses calls before they are read, which for gRPC costs no more than a few bytes. */
export function newShedder(): (exchange: Exchange, dialect: Dialect, failure: Failure) => void {
  const answers = new Map<Failure, Fields>(); // admission has three
  return (exchange, dialect, failure) => {
    if (dialect.protocol !== "grpc") return refuseCall(exchange, dialect, failure);
    let answer = answers.get(failure);
    if (answer === undefined) answers.set(failure, (answer = trailersOnly(failure)));
    ignoreBody(exchange);
    exchange.respond(answer, true);
  };
}

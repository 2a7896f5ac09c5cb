import type { Fields } from "@tfs/rpc";
import { Code, toCode } from "@tfs/std";

/** statusOf is the status that a call's trailers tell; Unknown if they tell none. */
export function statusOf(trailers: Fields | undefined): Code {
  const status = trailers?.get("grpc-status");
  return status === "0" ? Code.Ok : toCode(Number(status));
}

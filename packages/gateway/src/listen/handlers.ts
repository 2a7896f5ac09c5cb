import type { IncomingMessage, ServerResponse } from "node:http";
import type { ListenerOptions } from "@tfs/rpc";
import type { Clock } from "@tfs/std";
import { type Backends, forward } from "../forward/index.ts";
import { isHealth, serveHealth } from "./health.ts";
import { overHttp1, overHttp2 } from "./plain.ts";
import { type RestOptions, serveRest } from "./rest.ts";

export interface HandlerOptions extends RestOptions {
  readonly backends: Backends;
  readonly clock: Clock;
}

export interface Handlers {
  readonly onRequest: ListenerOptions["onRequest"];
  readonly onStream: NonNullable<ListenerOptions["onStream"]>;
}

/** newHandlers makes what a listener calls: gRPC is forwarded but for health, which is answered here; everything else is plain HTTP. */
export function newHandlers(options: HandlerOptions): Handlers {
  return {
    // With onStream set, only HTTP/1.1 comes this way.
    onRequest: (req, res) => void serveRest(overHttp1(req as IncomingMessage, res as ServerResponse), options),
    onStream(stream, headers, _flags, raw) {
      const path = headers[":path"] ?? "";
      if (!isGrpc(headers["content-type"])) void serveRest(overHttp2(stream, headers), options);
      else if (isHealth(path)) serveHealth(stream, path, options.ready);
      else forward(stream, headers, raw, options);
    },
  };
}

/** gRPC proper; gRPC-Web has content types of its own. */
function isGrpc(type: string | undefined): boolean {
  return type !== undefined && (type === "application/grpc" || type.startsWith("application/grpc+") || type.startsWith("application/grpc;"));
}

import { type Address, type BindAddress, collectBody, type Exchange, newListener } from "@tfs/rpc";
import type { Clock, Ctx, Logger } from "@tfs/std";
import { type Family, printPrometheus, prometheusType } from "@tfs/std/metrics";
import { type Answer, type Request, requestOf, send } from "./plain.ts";

export interface AdminOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** report tells how the gateway is doing now. */
  readonly report: () => Promise<{ readonly ready: boolean; readonly families: readonly Family[] }>;
}

/** Admin is a port for those who run the gateway: it tells, and changes nothing. */
export interface Admin extends AsyncDisposable {
  listen(ctx: Ctx, address: BindAddress): Promise<Address>;
}

const maxBodyBytes = 4096;
const utf8 = new TextEncoder();

/** newAdmin makes the port: GET /metrics (Prometheus's text format), /healthz and /readyz. Nothing happens before listen; disposing it cuts its connections. */
export function newAdmin(options: AdminOptions): Admin {
  const { clock, logger, report } = options;
  const onExchange = (exchange: Exchange): void => {
    answer(requestOf(exchange, collectBody(exchange, maxBodyBytes)), report).then(
      (given) => send(exchange, given),
      (err: unknown) => {
        logger.error("admin request failed", { err });
        send(exchange, text(500, "internal error\n"));
      },
    );
  };
  const listener = newListener({ onExchange, clock, logger });
  return { listen: (ctx, address) => listener.listen(ctx, address), [Symbol.asyncDispose]: () => listener.close() };
}

async function answer({ method, target }: Request, report: AdminOptions["report"]): Promise<Answer> {
  if (method !== "GET") return text(405, "only GET is answered here\n");
  switch (target.replace(/\?.*$/s, "")) {
    case "/metrics":
      return { status: 200, type: prometheusType, body: utf8.encode(printPrometheus((await report()).families)) };
    case "/healthz":
      return text(200, "ok\n");
    case "/readyz":
      return (await report()).ready ? text(200, "ready\n") : text(503, "no model server is connected\n");
    default:
      return text(404, "there are /metrics, /healthz and /readyz here\n");
  }
}

function text(status: number, message: string): Answer {
  return { status, type: "text/plain", body: utf8.encode(message) };
}

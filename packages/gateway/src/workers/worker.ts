import { Socket } from "node:net";
import { type Ctx, done, withCancel } from "@tfs/std";
import type { ToPrimary, ToWorker } from "./messages.ts";
import type { Report } from "./reports.ts";

/** The primary sets this for its workers. */
export const workerVariable = "TFS_GATEWAY_WORKER";

/** isWorker tells whether this process was started by a primary. */
export function isWorker(env: Readonly<Record<string, string | undefined>>): boolean {
  return env[workerVariable] !== undefined;
}

/** Serving is what a worker does for its primary. */
export interface Serving {
  /** accept takes a connection, which came in at this of the places where the primary listens. */
  accept(socket: Socket, at: number): void;
  /** look reads certificates again that have changed. */
  look(): void;
  /** report tells how it is doing. */
  report(): Report;
}

/**
 * serveConnections hands every connection that the primary deals out to `serving`, until the primary says to drain, or is gone, or ctx ends. Then the caller drains, and
 * lets go of the primary by process.disconnect().
 */
export async function serveConnections(ctx: Ctx, serving: Serving): Promise<void> {
  using stopping = withCancel(ctx);
  process.on("message", (message: ToWorker, handle: unknown) => {
    if (message.kind === "drain") stopping.cancel();
    else if (message.kind === "report") say({ kind: "report", round: message.round, report: serving.report() });
    else if (message.kind === "look") serving.look();
    else {
      if (handle instanceof Socket) serving.accept(handle, message.at);
      say({ kind: "taken", id: message.id });
    }
  });
  process.once("disconnect", () => stopping.cancel());
  say({ kind: "ready" });
  await done(stopping);
}

/** say tells the primary, if it is still there. */
function say(message: ToPrimary): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {}); // a primary that dies meanwhile is heard of by "disconnect"
}

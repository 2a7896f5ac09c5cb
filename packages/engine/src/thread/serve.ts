// The thread's side.
import type { MessagePort } from "node:worker_threads";
import { messageOf, toFailure } from "@tfs/std";
import type { Asked, Said } from "./messages.ts";

/** Handled is an answer, and what is handed over with it. */
export interface Handled<Done> {
  readonly done: Done;
  readonly transfer?: readonly ArrayBuffer[];
}

/** serveThread says what `open` gives about this thread, or why it fails, and then has `handle` answer what it is asked. What that throws is the answer. */
export async function serveThread<Request, Done, Info>(
  port: MessagePort,
  open: () => Promise<{ readonly info: Info; readonly handle: (request: Request) => Handled<Done> | Promise<Handled<Done>> }>,
): Promise<void> {
  const say = (said: Said<Done, Info>, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(said, transfer);
  const failed = (id: number, err: unknown): void => {
    const { code, message, details } = toFailure(err);
    say({ kind: "error", id, failure: { code, message, details } });
  };
  const answer = (id: number, { done, transfer }: Handled<Done>): void => say({ kind: "answer", id, done }, transfer);
  try {
    const { info, handle } = await open();
    port.on("message", ({ id, request }: Asked<Request>) => {
      try {
        const handled = handle(request);
        if (!(handled instanceof Promise)) answer(id, handled);
        else
          handled.then(
            (later) => answer(id, later),
            (err: unknown) => failed(id, err),
          );
      } catch (err) {
        failed(id, err);
      }
    });
    say({ kind: "ready", info });
  } catch (err) {
    say({ kind: "failed", message: messageOf(err) });
  }
}

import type { ServerCall, ServerCallHandler } from "@tfs/rpc";
import { background, type CancelCtx, Code, deadlineExceeded, type Failure, type Logger, newError, throwIfDone, toFailure, withTimeout } from "@tfs/std";
import { timedOut } from "../servable/index.ts";
import type { Answer } from "./methods.ts";

/** serveUnary answers a call that has one message each way, within the caller's deadline and for as long as the caller waits. */
export function serveUnary(call: ServerCall, answer: Answer, name: string, logger: Logger): void {
  call.handler = new Unary(call, answer, name, logger);
}

class Unary implements ServerCallHandler {
  readonly #call: ServerCall;
  readonly #answer: Answer;
  readonly #name: string;
  readonly #logger: Logger;
  readonly #ctx: CancelCtx;
  #request: Uint8Array | undefined = undefined;

  constructor(call: ServerCall, answer: Answer, name: string, logger: Logger) {
    this.#call = call;
    this.#answer = answer;
    this.#name = name;
    this.#logger = logger;
    this.#ctx = withTimeout(background(), call.timeoutMs);
  }

  onMessage(bytes: Uint8Array): boolean {
    if (this.#request !== undefined) throw newError(Code.Unimplemented, `${this.#name} takes one message, more came`);
    this.#request = bytes;
    return true;
  }

  onEnd(): void {
    void this.#run();
  }

  onCancel(): void {
    this.#ctx.cancel();
  }

  onDrain(): void {}

  async #run(): Promise<void> {
    using ctx = this.#ctx;
    try {
      if (this.#request === undefined) throw newError(Code.Unimplemented, `${this.#name} takes one message, none came`);
      throwIfDone(ctx);
      const bytes = await this.#answer(ctx, this.#request);
      this.#call.message(bytes);
      this.#call.end();
    } catch (err) {
      const failure = err === deadlineExceeded ? timedOut : toFailure(err);
      if (failure.code === Code.Internal) this.#logger.error("call failed", { method: this.#name, error: err });
      this.#call.end(cut(failure));
    }
  }
}

/** A text longer than this is cut, as in TensorFlow Serving: a trailer must stay small. */
const maxTextBytes = 1024;

function cut(failure: Failure): Failure {
  if (failure.message.length * 3 <= maxTextBytes) return failure; // no UTF-16 unit takes more than three bytes
  const bytes = new TextEncoder().encode(failure.message);
  if (bytes.length <= maxTextBytes) return failure;
  return newError(failure.code, `${new TextDecoder().decode(bytes.subarray(0, maxTextBytes))}...TRUNCATED`, failure, failure.details);
}

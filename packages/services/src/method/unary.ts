import { letGo, type ServerCall, type ServerCallHandler } from "@tfs/rpc";
import { type CancelCtx, Code, type Ctx, newError, throwIfDone, withTimeout } from "@tfs/std";
import type { Codec, Unary } from "./method.ts";
import type { FailureOf } from "./serve.ts";

/** serveUnary answers a call that has one message each way, within the caller's deadline, and for as long as the caller waits and `life` lasts. */
export function serveUnary(call: ServerCall, method: Unary, codec: Codec, failureOf: FailureOf, life: Ctx): void {
  call.handler = new Serving(call, method, codec, failureOf, life);
}

class Serving implements ServerCallHandler {
  readonly #call: ServerCall;
  readonly #method: Unary;
  readonly #codec: Codec;
  readonly #failureOf: FailureOf;
  readonly #ctx: CancelCtx;
  #request: Uint8Array | undefined = undefined;

  constructor(call: ServerCall, method: Unary, codec: Codec, failureOf: FailureOf, life: Ctx) {
    this.#call = call;
    this.#method = method;
    this.#codec = codec;
    this.#failureOf = failureOf;
    this.#ctx = withTimeout(life, call.timeoutMs);
  }

  onMessage(bytes: Uint8Array): boolean {
    if (this.#request !== undefined) throw newError(Code.Unimplemented, `${this.#method.name} takes one message, more came`);
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
      if (this.#request === undefined) throw newError(Code.Unimplemented, `${this.#method.name} takes one message, none came`);
      throwIfDone(ctx);
      const bytes = await this.#method[this.#codec](ctx, this.#request, this.#call.exchange);
      if (this.#method.lends === true) letGo(this.#request); // not of one that failed: whatever ran for it may run still
      this.#call.message(bytes);
      this.#call.end();
    } catch (err) {
      this.#call.end(this.#failureOf(err, this.#method.name, this.#call.exchange));
    }
  }
}

import { type Ctx, throwIfDone } from "@tfs/std";
import { type Asked, type Attempt, type Hearer, moreMessages, newAttempt, noMessage, type Opener } from "./attempt.ts";
import { compress } from "./compression.ts";
import { frameMessage } from "./frame.ts";
import { checkMetadata, type Metadata, toMetadata } from "./metadata.ts";

export interface UnaryReply {
  readonly message: Uint8Array;
  readonly headers: Metadata;
  readonly trailers: Metadata;
}

export interface UnaryRequest extends Asked {
  readonly message: Uint8Array;
  /** onMetadata is called once the call is over, with what the peer sent beside its message: also when the call fails, and the reply cannot tell. */
  readonly onMetadata?: (headers: Metadata, trailers: Metadata) => void;
}

/**
 * callUnary sends one message and gives one back, over anything that opens calls; it is what Channel.unary does. A status other than OK is thrown as
 * Failure. A call that was refused unseen is sent once more.
 */
export async function callUnary(ctx: Ctx, opener: Opener, request: UnaryRequest): Promise<UnaryReply> {
  if (request.metadata !== undefined) checkMetadata(request.metadata);
  const body = request.compression === undefined ? frameMessage(request.message) : frameMessage(await compress(request.message), true);
  let ask = await once(ctx, opener, request, body);
  if (ask.refused) ask = await once(ctx, opener, request, body); // sent twice at most
  const { attempt, bytes, compressed } = ask;
  if (request.onMetadata !== undefined) request.onMetadata(toMetadata(attempt.headers), toMetadata(attempt.trailers));
  if (ask.err !== undefined) throw ask.err;
  if (bytes === undefined) throw noMessage;
  return {
    message: compressed ? await attempt.plain(bytes, compressed) : bytes,
    headers: toMetadata(attempt.headers),
    trailers: toMetadata(attempt.trailers),
  };
}

function once(ctx: Ctx, opener: Opener, request: UnaryRequest, body: Uint8Array): Promise<Once> {
  throwIfDone(ctx); // time has passed since the caller was asked
  return new Promise((resolve) => {
    const ask = new Once(ctx, opener, request, resolve);
    ask.attempt.write(body);
    ask.attempt.end();
  });
}

/** Once is a request that was sent, and what came of it. */
class Once implements Hearer {
  readonly attempt: Attempt;
  readonly #settle: (ask: Once) => void;
  bytes: Uint8Array | undefined = undefined;
  compressed = false;
  err: Error | undefined = undefined;
  refused = false;

  constructor(ctx: Ctx, opener: Opener, request: UnaryRequest, settle: (ask: Once) => void) {
    this.#settle = settle;
    this.attempt = newAttempt(ctx, opener, request, this);
  }

  onHeaders(): void {}

  onMessage(bytes: Uint8Array, compressed: boolean): void {
    if (this.bytes !== undefined) return void this.attempt.abandon(moreMessages);
    this.bytes = bytes;
    this.compressed = compressed;
  }

  onBytes(bytes: number): void {
    this.attempt.consumed(bytes); // there is one message, and it has its limit
  }

  onOver(err: Error | undefined, refused: boolean): void {
    this.err = err;
    this.refused = refused;
    this.#settle(this);
  }

  onDrain(): void {}
}

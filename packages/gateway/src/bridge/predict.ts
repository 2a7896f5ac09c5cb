// Data plane. One predict call: a JSON body in, a message to the fleet, its answer as JSON. Nothing here waits but for a signature that nobody has asked for lately.
import { type Format, type Numbers, type PredictDocument, parsePredict, printPredictResponse, type Scratch, type Target } from "@tfs/rest";
import { callFields, type Field, type Fields, moreFields, type Opener, openUnary, type UnaryCall, type UnaryHandler } from "@tfs/rpc";
import { type Failure, toFailure } from "@tfs/std";
import type { Known, Signatures } from "./signatures.ts";
import { authority, maxAnswerBytes, predictPath } from "./unary.ts";

/** PredictCall is what a client asks. */
export interface PredictCall {
  readonly target: Target;
  readonly body: Uint8Array;
  /** deadline, on the clock, goes to the fleet; to cancel when it has passed is the caller's business. Infinity for none. */
  readonly deadline: number;
  /** metadata goes to the fleet beside the message. */
  readonly metadata: readonly Field[];
}

/** PredictHandler hears how a call goes: onRead, if it comes to that, then one of the others, and nothing after a cancel. It may be called before start returns. */
export interface PredictHandler {
  /** The body's bytes are no longer needed. */
  onRead(): void;
  /** body is JSON, the handler's to keep. */
  onAnswer(body: Uint8Array): void;
  /** The failure is the fleet's, code and text as they are, or says in TensorFlow Serving's words what is wrong with the body. */
  onFailure(failure: Failure): void;
}

export interface PredictOptions {
  readonly opener: Opener;
  readonly signatures: Signatures;
  /** scratch is for the tensors of one call after the other. */
  readonly scratch: Scratch;
  /** numbers is how floats are printed. */
  readonly numbers: Numbers;
}

/** newPrediction makes a call that does nothing before start. */
export function newPrediction(call: PredictCall, handler: PredictHandler, options: PredictOptions): Prediction {
  return new Prediction(call, handler, options);
}

const fields: Fields = callFields({ path: predictPath, authority, scheme: "http" });

class Prediction implements UnaryHandler {
  readonly #call: PredictCall;
  readonly #handler: PredictHandler;
  readonly #options: PredictOptions;
  #sent: UnaryCall | undefined = undefined;
  #format: Format = "row";
  #over = false;

  constructor(call: PredictCall, handler: PredictHandler, options: PredictOptions) {
    this.#call = call;
    this.#handler = handler;
    this.#options = options;
  }

  start(): void {
    const { target, body } = this.#call;
    const { signatures } = this.#options;
    try {
      const document = parsePredict(body);
      const known = signatures.known(target);
      if (known !== undefined) this.#send(document, known);
      else void this.#ask(document);
    } catch (err) {
      this.onFailure(toFailure(err));
    }
  }

  /** cancel gives up. */
  cancel(): void {
    this.#over = true;
    this.#sent?.cancel();
  }

  onReply(message: Uint8Array): void {
    if (this.#over) return;
    let body: Uint8Array;
    try {
      body = printPredictResponse(message, this.#format, this.#options);
    } catch (err) {
      this.onFailure(toFailure(err));
      return;
    }
    this.#over = true;
    this.#handler.onAnswer(body);
  }

  onFailure(failure: Failure): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.onFailure(failure);
  }

  async #ask(document: PredictDocument): Promise<void> {
    try {
      let known: Known;
      try {
        known = await this.#options.signatures.of(this.#call.target);
      } catch (err) {
        document.check(); // a body that is not JSON is the first thing to complain about
        throw err;
      }
      if (!this.#over) this.#send(document, known);
    } catch (err) {
      this.onFailure(toFailure(err));
    }
  }

  #send(document: PredictDocument, known: Known): void {
    const { signature, encoder } = known.plan(document.signatureName);
    const { format, inputs } = document.inputs(signature, this.#options);
    const message = encoder.encode(inputs); // which is a copy: the scratch is free again
    this.#format = format;
    this.#handler.onRead();
    const all = moreFields(fields, this.#call.metadata);
    this.#sent = openUnary(this.#options.opener, all, message, this, { deadline: this.#call.deadline, maxMessageBytes: maxAnswerBytes });
  }
}
export type { Prediction };

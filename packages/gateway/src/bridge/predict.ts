// Data plane. One predict call: a JSON body in, a message to the fleet, its answer as JSON. Nothing here waits but for a signature that nobody has asked for lately.
import { equals } from "@bufbuild/protobuf";
import { type SignatureDef, SignatureDefSchema } from "@tfs/proto";
import {
  type Format,
  type Kernel,
  type Numbers,
  type PredictDocument,
  parsePredict,
  printPredictResponse,
  type Scratch,
  type Target,
  versionOf,
} from "@tfs/rest";
import { callFields, type Field, type Fields, moreFields, type Opener, openUnary, type UnaryCall, type UnaryHandler } from "@tfs/rpc";
import { type Clock, Code, type Failure, toFailure } from "@tfs/std";
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

/** PredictHandler hears how a call ends, and nothing after a cancel. It may be called before start returns. Until then the body's bytes are needed. */
export interface PredictHandler {
  /** body is JSON, the handler's to keep. */
  onAnswer(body: Uint8Array): void;
  /** The failure is the fleet's, code and text as they are, or says in TensorFlow Serving's words what is wrong with the body. */
  onFailure(failure: Failure): void;
}

export interface PredictOptions {
  readonly opener: Opener;
  readonly signatures: Signatures;
  readonly clock: Clock;
  /** scratch is for the tensors of one call after the other. */
  readonly scratch: Scratch;
  /** floats reads those of large bodies, if they are not to be read as those of small ones. */
  readonly floats: Kernel | undefined;
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
  readonly #began: number;
  #document: PredictDocument | undefined = undefined;
  #known: Known | undefined = undefined;
  #sent: UnaryCall | undefined = undefined;
  #format: Format = "row";
  /** twice: the signatures were asked for again for this call's sake, which is done once. */
  #twice = false;
  #over = false;

  constructor(call: PredictCall, handler: PredictHandler, options: PredictOptions) {
    this.#call = call;
    this.#handler = handler;
    this.#options = options;
    this.#began = options.clock.now();
  }

  start(): void {
    const { target, body } = this.#call;
    const { signatures } = this.#options;
    try {
      const document = parsePredict(body);
      this.#document = document;
      const known = signatures.known(target);
      if (known !== undefined) this.#send(document, known);
      else void this.#ask(document);
    } catch (err) {
      this.#misread(toFailure(err));
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
      this.#compare(versionOf(message));
    } catch (err) {
      this.#end(toFailure(err));
      return;
    }
    this.#over = true;
    this.#handler.onAnswer(body);
  }

  /** onFailure is what the fleet says. */
  onFailure(failure: Failure): void {
    if (!this.#over && !this.#twice && mistaken.has(failure.code)) void this.#again(failure, this.#options.clock.now());
    else this.#end(failure);
  }

  /** #misread ends a call whose body cannot be read, unless that may be for a signature that is not the target's any more. */
  #misread(failure: Failure): void {
    if (this.#known !== undefined && this.#known.asked < this.#began && mistaken.has(failure.code)) void this.#again(failure, this.#began);
    else this.#end(failure);
  }

  #end(failure: Failure): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.onFailure(failure);
  }

  /** #compare has the signatures asked for again when a version answers that they are not of: the next call needs them. */
  #compare(version: number): void {
    const { signatures, clock } = this.#options;
    const known = this.#known!.version;
    if (version === known || version === 0 || known === 0) return;
    signatures.since(this.#call.target, clock.now()).catch(() => {}); // whoever needs the answer asks for it, and hears why there is none
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
      this.#misread(toFailure(err));
    }
  }

  /** #again reads the document by what the signature is at `time` or later; if it is what it was, the failure stands. */
  async #again(failure: Failure, time: number): Promise<void> {
    const [document, before] = [this.#document!, this.#known!];
    this.#twice = true;
    try {
      document.check();
      const known = await this.#options.signatures.since(this.#call.target, time);
      if (this.#over) return;
      const { signatureName } = document;
      if (isSame(before.plan(signatureName).signature, known.plan(signatureName).signature)) this.#end(failure);
      else this.#send(document, known);
    } catch (err) {
      this.#end(toFailure(err));
    }
  }

  #send(document: PredictDocument, known: Known): void {
    this.#known = known;
    const { signature, encoder } = known.plan(document.signatureName);
    const { format, inputs } = document.inputs(signature, this.#options);
    const message = encoder.encode(inputs); // which is a copy: the scratch is free again
    this.#format = format;
    const all = moreFields(fields, this.#call.metadata);
    this.#sent = openUnary(this.#options.opener, all, message, this, { deadline: this.#call.deadline, maxMessageBytes: maxAnswerBytes });
  }
}

/** What a call may fail with that was written by another signature than the target's: a value of another dtype, or an input or a signature that is not there. */
const mistaken: ReadonlySet<Code> = new Set([Code.InvalidArgument, Code.FailedPrecondition, Code.Unimplemented]);

function isSame(a: SignatureDef | undefined, b: SignatureDef | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equals(SignatureDefSchema, a, b);
}
export type { Prediction };

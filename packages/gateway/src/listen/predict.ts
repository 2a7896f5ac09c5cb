// Data plane. The REST call that counts: a predict body comes in, its answer goes out. One object per call hears the client, the clock and the fleet; there are no promises on the way.
import { gunzipped, isGzipped, route, type Target } from "@tfs/rest";
import { type Body, collectBody, type Exchange, type Field, type Fields } from "@tfs/rpc";
import { deadlineExceeded, type Failure } from "@tfs/std";
import type { PredictHandler, Prediction } from "../bridge/index.ts";
import type { Timed } from "../forward/index.ts";
import { json, send } from "./plain.ts";
import { type RestOptions, refusal } from "./rest.ts";

/** predictTarget tells whom a request asks for a prediction; undefined for any other request, and for one that is wrong. */
export function predictTarget(fields: Fields): Target | undefined {
  const path = fields.get(":path") ?? "";
  if (fields.get(":method") !== "POST" || !path.endsWith(":predict")) return undefined;
  try {
    const call = route("POST", path);
    return call.kind === "predict" ? call : undefined;
  } catch {
    return undefined; // whoever answers it says why
  }
}

/** Asked is what is known of a predict call by its fields. */
export interface Asked {
  readonly target: Target;
  /** metadata goes to the model server. */
  readonly metadata: readonly Field[];
}

/** servePredict answers one predict call. */
export function servePredict(exchange: Exchange, asked: Asked, options: RestOptions): void {
  new Serving(exchange, asked, options);
}

class Serving implements PredictHandler, Timed {
  readonly #exchange: Exchange;
  readonly #asked: Asked;
  readonly #options: RestOptions;
  readonly #body: Body;
  readonly deadline: number;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  #prediction: Prediction | undefined = undefined;
  #timed = false;
  #over = false;

  constructor(exchange: Exchange, asked: Asked, options: RestOptions) {
    const { maxRequestBytes, bodies, timeoutMs, clock } = options;
    this.#exchange = exchange;
    this.#asked = asked;
    this.#options = options;
    this.deadline = timeoutMs > 0 ? clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
    this.#body = collectBody(exchange, maxRequestBytes, { budget: bodies });
    this.#body.onGone = () => this.#gone();
    if (this.#body.settled) this.#read();
    else this.#body.onSettled = () => this.#read();
  }

  onAnswer(body: Uint8Array): void {
    if (!this.#finish()) return;
    send(this.#exchange, { status: 200, type: json, body });
  }

  onFailure(failure: Failure): void {
    this.#fail(failure);
  }

  /** expire is for the wheel of deadlines. */
  expire(): void {
    this.#timed = false;
    this.#prediction?.cancel();
    this.#fail(deadlineExceeded);
  }

  #read(): void {
    try {
      if (isGzipped(this.#exchange.fields)) void this.#unzip();
      else this.#ask(this.#body.take());
    } catch (err) {
      this.#fail(err);
    }
  }

  async #unzip(): Promise<void> {
    try {
      this.#ask(await gunzipped(this.#body));
    } catch (err) {
      this.#fail(err);
    }
  }

  #ask(body: Uint8Array): void {
    if (this.#over) return;
    const { bridge, clock, deadlines } = this.#options;
    if (this.deadline <= clock.now()) throw deadlineExceeded;
    this.#timed = true;
    deadlines.add(this);
    this.#prediction = bridge.predict({ ...this.#asked, body, deadline: this.deadline }, this);
    this.#prediction.start();
  }

  #gone(): void {
    if (this.#finish()) this.#prediction?.cancel();
  }

  #fail(err: unknown): void {
    if (!this.#finish()) return;
    send(this.#exchange, refusal(err, this.#exchange.fields.get(":path") ?? "", this.#options.logger));
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    if (this.#timed && this.deadline !== Number.POSITIVE_INFINITY) this.#options.deadlines.remove(this);
    this.#body.release();
    return true;
  }
}

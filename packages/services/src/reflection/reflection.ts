import { ServerReflection, type ServerReflectionRequest, type ServerReflectionResponse } from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "@tfs/proto/gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { ServerCall, ServerCallHandler } from "@tfs/rpc";
import { Code, type Failure, newError } from "@tfs/std";
import { type Form, type Methods, newForm, pathOf, type Streaming } from "../method/index.ts";
import { type Answerer, type AnswererOptions, newAnswerer } from "./answer.ts";

export interface ReflectionOptions extends AnswererOptions {
  /** owner is who shuts down when streams are told so: "the gateway". */
  readonly owner: string;
}

/** Reflection is gRPC's reflection of one process. */
export interface Reflection {
  /** methods has both versions: their messages are the same on the wire, and in JSON. */
  readonly methods: Methods;
  /** drain ends every stream, those that come later too, so that none holds up the end. */
  drain(): void;
}

/** A question is a name: larger ones are refused. */
const maxRequestBytes = 16 << 10;
const maxStreams = 100;

/** newReflection makes the service. There may be 100 streams; one whose client does not read answers is asked for no more questions. */
export function newReflection({ owner, ...options }: ReflectionOptions): Reflection {
  const answerer = newAnswerer(options);
  const open = new Set<Conversation>();
  const draining = newError(Code.Unavailable, `${owner} is shutting down`);
  let ended = false;
  const desc = ServerReflection.method.serverReflectionInfo;
  const method: Streaming = {
    kind: "streaming",
    name: desc.name,
    maxRequestBytes,
    open(call, codec) {
      if (ended) return call.end(draining);
      if (open.size >= maxStreams) return call.end(newError(Code.ResourceExhausted, `${maxStreams} reflection streams are open already`));
      const conversation = new Conversation(call, newForm(desc, codec), { answerer, onOver: () => open.delete(conversation) });
      open.add(conversation);
      call.handler = conversation;
    },
  };
  return {
    methods: new Map([desc, ServerReflectionAlpha.method.serverReflectionInfo].map((one) => [pathOf(one), method])),
    drain() {
      ended = true;
      for (const conversation of open) conversation.end(draining);
    },
  };
}

/** Conversation is one stream. */
class Conversation implements ServerCallHandler {
  readonly #call: ServerCall;
  readonly #form: Form<ServerReflectionRequest, ServerReflectionResponse>;
  readonly #answerer: Answerer;
  readonly #onOver: () => void;
  /** Names of the files that this client has. */
  readonly #had = new Set<string>();

  constructor(
    call: ServerCall,
    form: Form<ServerReflectionRequest, ServerReflectionResponse>,
    { answerer, onOver }: { readonly answerer: Answerer; readonly onOver: () => void },
  ) {
    this.#call = call;
    this.#form = form;
    this.#answerer = answerer;
    this.#onOver = onOver;
  }

  onMessage(bytes: Uint8Array): boolean {
    return this.#call.message(this.#form.write(this.#answerer.answer(this.#form.read(bytes), this.#had)));
  }

  onEnd(): void {
    this.end();
  }

  onCancel(): void {
    this.#onOver();
  }

  onDrain(): void {
    this.#call.resume();
  }

  /** end is the last word: a failure, or none. */
  end(failure?: Failure): void {
    this.#onOver();
    this.#call.end(failure);
  }
}

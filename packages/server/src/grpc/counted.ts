import type { DescMessage, MessageShape, Registry } from "@bufbuild/protobuf";
import type { Exchange } from "@tfs/rpc";
import { type Answer, type Described, type Form, newForm, pathOf, type Unary } from "@tfs/services";
import { Code, type Ctx, toFailure } from "@tfs/std";
import type { Seen } from "../infer/index.ts";
import type { Meter, Method } from "../meter/index.ts";
import { protocolOf } from "./routes.ts";

/** Asked is what is asked, as it is counted, and how to tell of whom; a method without `modelOf` is asked of no model. */
export interface Asked<I> {
  readonly method: Method;
  readonly modelOf?: (request: I) => string;
}

/** Counting makes methods whose calls are counted. */
export interface Counting {
  /** answer makes what answers bytes by bytes, in one codec. */
  answer<I, O>(asked: Asked<I>, form: Form<I, O>, verb: (ctx: Ctx, request: I, seen: Seen) => Promise<O>): Answer;
  /** unary makes a method from what it does with messages, and gives it with its path. */
  unary<I extends DescMessage, O extends DescMessage>(
    desc: Described<I, O>,
    asked: Asked<MessageShape<I>> & { readonly registry?: Registry; readonly maxRequestBytes?: number },
    verb: (ctx: Ctx, request: MessageShape<I>, seen: Seen) => Promise<MessageShape<O>>,
  ): [path: string, method: Unary];
}

/** Through does the work of a call when and as it may be done, and throws what there is against it. */
export type Through = <T>(ctx: Ctx, exchange: Exchange, work: (ctx: Ctx) => Promise<T>) => Promise<T>;

/** newCounting counts calls from when they are whole, with the time that they wait in `through`; without one their work is done at once. */
export function newCounting(meter: Meter, through?: Through): Counting {
  const answer: Counting["answer"] =
    ({ method, modelOf }, form, verb) =>
    async (ctx, bytes, exchange) => {
      const call = meter.begin(protocolOf(exchange), method, exchange);
      call.received(bytes.length);
      const work = async (within: Ctx): Promise<Uint8Array> => {
        const request = form.read(bytes);
        call.named(modelOf?.(request) ?? "");
        return form.write(await verb(within, request, call));
      };
      try {
        const said = await (through === undefined ? work(ctx) : through(ctx, exchange, work));
        call.end(Code.Ok, said.length);
        return said;
      } catch (err) {
        call.end(toFailure(err).code, 0);
        throw err;
      }
    };
  return {
    answer,
    unary(desc, { registry, maxRequestBytes, ...asked }, verb) {
      const codecs = { proto: answer(asked, newForm(desc, "proto"), verb), json: answer(asked, newForm(desc, "json", registry), verb) };
      return [pathOf(desc), { kind: "unary", name: desc.name, ...(maxRequestBytes === undefined ? {} : { maxRequestBytes }), ...codecs }];
    },
  };
}

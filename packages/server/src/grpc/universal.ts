import type { ConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { decodeStatusMessage, encodeStatusMessage, type Exchange, type ExchangeHandler, type Field, type Fields, h2, newField, newFields } from "@tfs/rpc";

/** newUniversal answers exchanges by a router's handlers, told apart by path; `fallback` gets what no handler has. */
export function newUniversal(router: ConnectRouter, fallback: (exchange: Exchange) => void): (exchange: Exchange) => void {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (exchange) => {
    const target = exchange.fields.get(":path") ?? "";
    const query = target.indexOf("?");
    const handler = handlers.get(query < 0 ? target : target.slice(0, query));
    if (handler === undefined) fallback(exchange);
    else void answer(exchange, handler, target);
  };
}

async function answer(exchange: Exchange, handler: UniversalHandler, target: string): Promise<void> {
  const abort = new AbortController();
  const room = newRoom();
  const body = newBodyStream(exchange, abort, room);
  try {
    const response = await handler({
      httpVersion: exchange.wire === "http2" ? "2.0" : "1.1",
      method: exchange.fields.get(":method") ?? "",
      url: new URL(target, `http://${exchange.fields.get(":authority") || "localhost"}`).href,
      header: headersOf(exchange),
      body,
      signal: abort.signal,
    });
    await send(exchange, response, room, abort.signal);
  } catch {
    exchange.reset(abort.signal.aborted ? h2.cancel : h2.internal); // what a handler throws it has turned into a response; this is a wire that broke
  }
}

async function send(exchange: Exchange, response: UniversalServerResponse, room: Room, signal: AbortSignal): Promise<void> {
  const head = fieldsOf(response.header, newField(":status", String(response.status)));
  const trailers = response.trailer === undefined ? undefined : fieldsOf(response.trailer);
  if (response.body === undefined) {
    // Trailers of an answer without a body are a gRPC status, and travel with the head.
    exchange.respond(trailers === undefined ? head : newFields([...head.list, ...trailers.list]), true);
    return;
  }
  let begun = false;
  for await (const bytes of response.body) {
    if (!begun) exchange.respond(head);
    begun = true;
    if (!exchange.write(bytes)) await room.wait(signal);
  }
  // The trailer is filled while the body is read.
  const last = response.trailer === undefined ? undefined : fieldsOf(response.trailer);
  if (!begun && last !== undefined && last.list.length > 0 && exchange.wire === "http2") exchange.respond(newFields([...head.list, ...last.list]), true);
  else {
    if (!begun) exchange.respond(head);
    exchange.end(last !== undefined && last.list.length > 0 ? last : undefined);
  }
}

function headersOf(exchange: Exchange): Headers {
  const headers = new Headers();
  for (const { name, value } of exchange.fields.list) if (!name.startsWith(":")) headers.append(name, value);
  if (exchange.timeout !== undefined) headers.set("grpc-timeout", exchange.timeout);
  return headers;
}

function fieldsOf(headers: Headers | undefined, ...first: readonly Field[]): Fields {
  const list = [...first];
  headers?.forEach((value, name) => {
    // Connect escapes more than gRPC asks for (":", "/", "(" …), and grpc-js gives those back as they came: its decodeURI leaves them alone.
    list.push(newField(name, name === "grpc-message" ? encodeStatusMessage(decodeStatusMessage(value)) : value));
  });
  return newFields(list);
}

/** Room is what a writer waits for. */
interface Room {
  open(): void;
  wait(signal: AbortSignal): Promise<void>;
}

function newRoom(): Room {
  let wake: () => void = () => {};
  return {
    open: () => wake(),
    wait: (signal) =>
      new Promise((resolve, reject) => {
        const gone = (): void => reject(signal.reason);
        if (signal.aborted) return gone();
        signal.addEventListener("abort", gone, { once: true });
        wake = () => {
          signal.removeEventListener("abort", gone);
          resolve();
        };
      }),
  };
}

/** newBodyStream gives a request's body as it comes. What waits is bounded by the wire's window: credit goes back as chunks are taken. */
function newBodyStream(exchange: Exchange, abort: AbortController, room: Room): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let ended = false;
  let gone = false;
  let wake: () => void = () => {};
  const handler: ExchangeHandler = {
    onData(buffer, start, end) {
      chunks.push(Uint8Array.prototype.slice.call(buffer, start, end));
      wake();
    },
    onEnd() {
      ended = true;
      wake();
    },
    onReset() {
      gone = true;
      abort.abort();
      wake();
    },
    onDrain: () => room.open(),
  };
  exchange.handler = handler;
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk !== undefined) {
          exchange.consumed(chunk.length);
          yield chunk;
        } else if (gone) throw new Error("the client went away");
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

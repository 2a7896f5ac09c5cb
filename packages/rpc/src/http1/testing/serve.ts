import { connect, createServer, type Socket } from "node:net";
import { type Clock, discard, type Logger, systemClock } from "@tfs/std";
import type { Exchange } from "../../exchange.ts";
import { type Fields, fieldsOf } from "../../fields.ts";
import { type Budget, newBudget } from "../../http2/index.ts";
import { defaultListenerLimits, type ListenerLimits } from "../../limits.ts";
import { newWire, wrapWire } from "../../wire.ts";
import { type Http1, newHttp1 } from "../index.ts";

export interface Setup {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly limits?: Partial<ListenerLimits>;
  readonly budget?: Budget;
  /** Default: echo. */
  readonly onExchange?: (exchange: Exchange) => void;
  /** events: read by "data" events, as TLS is, instead of into the wire's own buffer. */
  readonly events?: boolean;
}

/** Served is a server on a port of its own; disposing it cuts everything. */
export interface Served extends Disposable {
  readonly port: number;
  readonly http1: Http1;
  /** connections that are open. */
  readonly connections: number;
  /** sockets as they were accepted. */
  readonly sockets: ReadonlySet<Socket>;
}

/** serve starts an HTTP/1.1 server that gets each connection with its first bytes, as a listener hands them over. */
export async function serve(setup: Setup = {}): Promise<Served> {
  const http1 = newHttp1({
    limits: { ...defaultListenerLimits, ...setup.limits },
    clock: setup.clock ?? systemClock(),
    logger: setup.logger ?? discard(),
    budget: setup.budget ?? newBudget(defaultListenerLimits.heldBytes),
    onExchange: setup.onExchange ?? echo,
  });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (accepted) => {
    const wire = setup.events === true ? wrapWire(accepted) : newWire(accepted);
    const { socket } = wire;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // what http1 says of it is under test
    wire.onBytes = (buffer, start, end) => http1.accept(wire, buffer, start, end);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    http1,
    sockets,
    get connections() {
      return sockets.size;
    },
    [Symbol.dispose]() {
      server.close();
      http1.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Echo is what `echo` answers with, as JSON. */
export interface Echo {
  readonly fields: readonly (readonly [string, string])[];
  readonly timeout: string | undefined;
  /** body as latin1. */
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[] | undefined;
}

const ok: Fields = fieldsOf([":status", "200"], ["content-type", "application/json"]);
const pairs = (fields: Fields): [string, string][] => fields.list.map(({ name, value }) => [name, value]);

/** echo answers with all that it heard once the request is complete. */
export function echo(exchange: Exchange): void {
  const parts: Buffer[] = [];
  exchange.handler = {
    onData(buffer, start, end) {
      parts.push(Buffer.from(buffer.subarray(start, end)));
      exchange.consumed(end - start);
    },
    onEnd(trailers) {
      const heard: Echo = {
        fields: pairs(exchange.fields),
        timeout: exchange.timeout,
        body: Buffer.concat(parts).toString("latin1"),
        trailers: trailers === undefined ? undefined : pairs(trailers),
      };
      exchange.respond(ok);
      exchange.write(Buffer.from(JSON.stringify(heard)));
      exchange.end();
    },
    onReset() {},
    onDrain() {},
  };
}

/** talk writes the pieces, each in a turn of its own, and gives all that came until the peer closed, as latin1. */
export function talk(port: number, pieces: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const received: Buffer[] = [];
    socket.setNoDelay(true);
    socket.on("error", () => {}); // a reset is one way to close
    socket.on("data", (part: Buffer) => received.push(part));
    socket.on("close", () => resolve(Buffer.concat(received).toString("latin1")));
    const send = (i: number): void => {
      if (i < pieces.length && !socket.destroyed)
        socket.write(typeof pieces[i] === "string" ? Buffer.from(pieces[i], "latin1") : pieces[i]!, () => setImmediate(send, i + 1));
    };
    socket.on("connect", () => send(0));
  });
}

/** Answer is one answer out of what `talk` gives. */
export interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
  readonly trailers: string;
}

/** answersOf takes apart what a server sent on one connection. `methods` are those of the requests; default: none was HEAD. Throws on anything that is not HTTP. */
export function answersOf(text: string, methods: readonly string[] = []): Answer[] {
  const answers: Answer[] = [];
  let rest = text;
  while (rest !== "") {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (head === null) throw new Error(`not an answer: ${JSON.stringify(rest.slice(0, 200))}`);
    rest = rest.slice(head[0].length);
    const status = Number(head[1]);
    const fields = new Map<string, string>();
    for (const line of head[2]!.split("\r\n").filter((l) => l !== "")) {
      const [, name, value] = /^([^:]+): (.*)$/.exec(line) ?? [];
      if (name === undefined || fields.has(name)) throw new Error(`a bad or second field: ${line}`);
      fields.set(name, value!);
    }
    let body = "";
    let trailers = "";
    if (status === 100 || status === 204 || status === 304 || methods[answers.filter((a) => a.status !== 100).length] === "HEAD") body = "";
    else if (fields.get("transfer-encoding") === "chunked") {
      for (;;) {
        const size = /^([0-9a-f]+)\r\n/.exec(rest);
        if (size === null) throw new Error(`not a chunk: ${JSON.stringify(rest.slice(0, 200))}`);
        const length = Number.parseInt(size[1]!, 16);
        rest = rest.slice(size[0].length);
        if (length === 0) break;
        if (rest.slice(length, length + 2) !== "\r\n") throw new Error("a chunk without an end");
        body += rest.slice(0, length);
        rest = rest.slice(length + 2);
      }
      const section = /^((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
      if (section === null) throw new Error("no end of trailers");
      trailers = section[1]!;
      rest = rest.slice(section[0].length);
    } else if (fields.has("content-length")) {
      const length = Number(fields.get("content-length"));
      if (rest.length < length) throw new Error("a body cut short");
      body = rest.slice(0, length);
      rest = rest.slice(length);
    } else [body, rest] = [rest, ""];
    answers.push({ status, fields, body, trailers });
  }
  return answers;
}

/** heard is what the echo behind this answer heard. */
export function heard(answer: Answer): Echo {
  return JSON.parse(Buffer.from(answer.body, "latin1").toString()) as Echo; // echo's own form
}

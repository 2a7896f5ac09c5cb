import type { KeyObject, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { SecureContextOptions, Server, TLSSocket } from "node:tls";
import { type Clock, Code, newError } from "@tfs/std";
import { crypto, tls } from "./secure_socket.ts";

/** Pem is one or more PEM blocks. */
export type Pem = string | Buffer;

/** Identity is what a TLS server shows, and whom it believes. */
export interface Identity {
  /** cert is the server's certificate, and behind it those of the authorities between it and the root. */
  readonly cert: Pem;
  readonly key: Pem;
  /** clientCa are the authorities that sign clients' certificates; an empty list is nobody, so that no certificate verifies. */
  readonly clientCa?: Pem | readonly [];
  /** names are what errors call the parts; default "certificate", "key" and "client authorities". */
  readonly names?: Names;
}

/** Names are what whoever configured a part calls it. */
export type Names = Readonly<Record<"cert" | "key" | "clientCa", string>>;

const plainNames: Names = { cert: "certificate", key: "key", clientCa: "client authorities" };

export interface ServerTlsOptions extends Identity {
  /**
   * clientCerts: "none" asks clients for no certificate; "request" asks, and serves those without one too; "require" serves only those with one. One that does
   * not verify against clientCa is never served. Default "require" if there is a clientCa, else "none".
   */
  readonly clientCerts?: ClientCerts;
  /** minVersion is the oldest TLS that is spoken. Default TLSv1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

export type ClientCerts = "none" | "request" | "require";

/** newServerTls makes the TLS of one or more listeners. Throws InvalidArgument saying what is wrong with certificate, key or authorities. */
export function newServerTls(options: ServerTlsOptions): ServerTls {
  return new ServerTls(options);
}

/** ServerHandshake is what becomes of a handshake: exactly one is called, in a turn after the one that began it. */
export interface ServerHandshake {
  /** The handshake is complete. What the client sent behind it is unread, if reading begins in this turn. */
  readonly onSecure: (socket: TLSSocket) => void;
  /** It failed, or took longer than `ms`; the connection is gone or about to be. */
  readonly onFailure: (why: string) => void;
}

/** The suites of TLS 1.2 that HTTP/2 allows (RFC 9113, section 9.2.2) and those of TLS 1.3; AES-128 first, which costs least. */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

class ServerTls {
  readonly #options: ServerTlsOptions;
  readonly #clientCerts: ClientCerts;
  /** Never listens: it is handed connections. */
  readonly #server: Server;
  readonly #waiting = new WeakMap<Socket, Waiting>();

  constructor(options: ServerTlsOptions) {
    this.#options = options;
    this.#clientCerts = options.clientCerts ?? (options.clientCa === undefined ? "none" : "require");
    if (this.#clientCerts !== "none" && options.clientCa === undefined)
      throw newError(Code.InvalidArgument, "client certificates need authorities that sign them");
    this.#server = tls().createServer({
      ...this.#context(options),
      // Without a protocol in common the handshake ends with an alert, as RFC 7301, section 3.2 has it; a client that names none is served by its first bytes.
      ALPNProtocols: ["h2", "http/1.1"],
      requestCert: this.#clientCerts !== "none",
      rejectUnauthorized: this.#clientCerts === "require",
    });
    this.#server.on("secureConnection", (socket) => this.#onSecure(socket));
    this.#server.on("tlsClientError", (err, socket) => this.#of(socket)?.fail(openSslReason(err)));
  }

  /** reload shows another identity to connections that come from now on. Throws InvalidArgument as newServerTls does, and then nothing has changed. */
  reload(identity: Identity): void {
    this.#server.setSecureContext(this.#context(identity));
  }

  /** accept begins a handshake on a connection that nobody has read from. */
  accept(raw: Socket, options: { readonly clock: Clock; readonly ms: number } & ServerHandshake): void {
    const { clock, ms, onSecure, onFailure } = options;
    const end = (): void => {
      timer.cancel();
      raw.removeListener("close", onClose);
      this.#waiting.delete(raw);
    };
    const fail = (why: string): void => {
      end();
      raw.destroy();
      onFailure(why);
    };
    const onClose = (): void => fail("the connection was closed");
    const timer = clock.after(ms, () => fail(`not complete after ${ms} ms`), { background: true });
    raw.on("close", onClose);
    raw.on("error", () => {}); // "close" follows
    this.#waiting.set(raw, {
      fail,
      secure(socket) {
        end();
        onSecure(socket);
      },
    });
    this.#server.emit("connection", raw);
  }

  #onSecure(socket: TLSSocket): void {
    const waiting = this.#of(socket);
    if (waiting === undefined) return void socket.destroy(); // too late by a turn
    socket.disableRenegotiation(); // RFC 9113, section 9.2.1
    socket.on("error", () => {}); // until its next owner listens
    const shown = this.#clientCerts === "request" && socket.getPeerX509Certificate() !== undefined;
    if (shown && !socket.authorized) waiting.fail(`the client's certificate is refused: ${socket.authorizationError}`);
    else waiting.secure(socket);
  }

  /** #of finds what waits for a handshake, by the connection below it. */
  #of(socket: TLSSocket): Waiting | undefined {
    const { _parent } = socket as unknown as { readonly _parent: Socket | null }; // Node's own name, not in its types
    return _parent === null ? undefined : this.#waiting.get(_parent);
  }

  /** #context gives the options of a secure context that can be made. */
  #context({ cert, key, clientCa, names = plainNames }: Identity): SecureContextOptions {
    const { minVersion = "TLSv1.2" } = this.#options;
    const ca = clientCa === undefined ? {} : { ca: isPem(clientCa) ? clientCa : [] };
    const options = { cert, key, minVersion, ciphers, honorCipherOrder: true, ...ca };
    const leaf = certificateOf(names.cert, cert);
    if (clientCa !== undefined && isPem(clientCa)) certificateOf(names.clientCa, clientCa);
    if (!leaf.checkPrivateKey(privateKeyOf(names.key, key))) throw newError(Code.InvalidArgument, `${names.cert} and ${names.key} do not belong together`);
    try {
      tls().createSecureContext(options);
    } catch (err) {
      throw newError(Code.InvalidArgument, `${names.cert} and ${names.key}: ${openSslReason(err)}`, err);
    }
    return options;
  }
}
export type { ServerTls };

interface Waiting {
  readonly fail: (why: string) => void;
  readonly secure: (socket: TLSSocket) => void;
}

/** certificateOf reads the first certificate. Throws InvalidArgument if there is none; OpenSSL takes authorities that are none for an empty list. */
function certificateOf(what: string, pem: Pem): X509Certificate {
  try {
    return new (crypto().X509Certificate)(pem);
  } catch (err) {
    throw newError(Code.InvalidArgument, `${what}: not a PEM certificate`, err);
  }
}

/** privateKeyOf throws InvalidArgument for what is no key; OpenSSL takes an empty text for one that is to come later. */
function privateKeyOf(what: string, pem: Pem): KeyObject {
  try {
    return crypto().createPrivateKey(pem);
  } catch (err) {
    throw newError(Code.InvalidArgument, `${what}: not a PEM private key without passphrase`, err);
  }
}

function isPem(ca: Pem | readonly []): ca is Pem {
  return typeof ca === "string" || Buffer.isBuffer(ca);
}

const reasons: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: "plain HTTP on a TLS port",
  ERR_SSL_WRONG_VERSION_NUMBER: "not TLS",
};

/** openSslReason gives OpenSSL's words for what went wrong, without its file names and line numbers. */
export function openSslReason(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  const { code, reason } = err as Error & { readonly code?: string; readonly reason?: string };
  // With a write under way the error is the write's (EPROTO), and what OpenSSL said is in its text: error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE
  return reasons[code ?? ""] ?? reason ?? /error:[0-9A-F]{8}:[^:]*:[^:]*:([^:]*)/.exec(err.message)?.[1] ?? err.message;
}

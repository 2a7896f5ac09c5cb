import { X509Certificate } from "node:crypto";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import { type Identity, newServerTls, type ServerTls } from "@tfs/rpc";
import { type Clock, Code, type Logger, messageOf, newError, type Timer } from "@tfs/std";
import type { BackendTls, Config, ListenTls } from "../config/index.ts";
import { type Contents, type FileGroup, newFiles } from "./files.ts";

export interface CredentialsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** newCredentials reads every file that the config names. Throws InvalidArgument naming the file or what does not go together. */
export function newCredentials(config: Pick<Config, "tls" | "backendTls">, options: CredentialsOptions): Credentials {
  return new Credentials(config, options);
}

/** Files are looked at this often: certificates are exchanged hours before they expire. */
const lookMs = 10_000;

class Credentials {
  /** server is the TLS of the port; undefined is plaintext. */
  readonly server: ServerTls | undefined;
  /** backend gives the TLS of a new connection to a backend; undefined is plaintext. */
  readonly backend: (() => ConnectionOptions) | undefined;
  readonly #options: CredentialsOptions;
  /** Each looks whether its files have changed, and takes what they hold. */
  readonly #looks: { readonly of: string; readonly look: () => boolean }[] = [];
  #timer: Timer | undefined = undefined;

  constructor({ tls, backendTls }: Pick<Config, "tls" | "backendTls">, options: CredentialsOptions) {
    this.#options = options;
    this.server = tls === undefined ? undefined : this.#serve(tls);
    this.backend = backendTls === undefined ? undefined : this.#dial(backendTls);
  }

  /** watch looks at the files now and then, until close. */
  watch(): void {
    if (this.#looks.length === 0) return;
    this.#timer = this.#options.clock.after(
      lookMs,
      () => {
        this.look();
        this.watch();
      },
      { background: true },
    );
  }

  /** look reads the files, and takes what has changed for connections from now on. What is wrong with it is logged, once, and what was good before goes on. */
  look(): void {
    const { logger } = this.#options;
    for (const { of, look } of this.#looks) {
      try {
        if (look()) logger.info("certificates read again", { of });
      } catch (err) {
        logger.error("certificates not taken: those before go on", { of, err: messageOf(err) });
      }
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #serve({ certFile, keyFile, clientCaFile, clientCerts, minVersion }: ListenTls): ServerTls {
    const files = newFiles({ tls_cert: certFile, tls_key: keyFile, tls_client_ca: clientCaFile });
    const server = newServerTls({ ...identityOf(files.read()!), clientCerts, minVersion });
    this.#looks.push({ of: "the port", look: () => this.#take(files, (contents) => server.reload(identityOf(contents))) });
    return server;
  }

  #dial({ caFile, certFile, keyFile, serverName }: BackendTls): () => ConnectionOptions {
    const files = newFiles({ backend_ca: caFile, backend_cert: certFile, backend_key: keyFile });
    const servername = serverName === "" ? {} : { servername: serverName };
    let secureContext = contextOf(files.read()!);
    this.#looks.push({ of: "backends", look: () => this.#take(files, (contents) => void (secureContext = contextOf(contents))) });
    return () => ({ secureContext, ...servername });
  }

  #take<F extends Readonly<Record<string, string>>>(files: FileGroup<F>, use: (contents: Contents<F>) => void): boolean {
    const contents = files.read();
    if (contents === undefined) return false;
    use(contents);
    return true;
  }
}
export type { Credentials };

type ServerFiles = Contents<{ tls_cert: string; tls_key: string; tls_client_ca: string }>;
type BackendFiles = Contents<{ backend_ca: string; backend_cert: string; backend_key: string }>;

function identityOf({ tls_cert: cert, tls_key: key, tls_client_ca: clientCa }: ServerFiles): Identity {
  return { cert: cert!, key: key!, ...(clientCa === undefined ? {} : { clientCa }) }; // the config has both
}

function contextOf({ backend_ca: ca, backend_cert: cert, backend_key: key }: BackendFiles): ReturnType<typeof createSecureContext> {
  try {
    if (ca !== undefined) new X509Certificate(ca); // OpenSSL takes authorities that are none for an empty list
    return createSecureContext({ minVersion: "TLSv1.2", ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
  } catch (err) {
    throw newError(Code.InvalidArgument, `backend_ca, backend_cert and backend_key: ${messageOf(err)}`, err);
  }
}

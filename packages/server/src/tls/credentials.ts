import { X509Certificate } from "node:crypto";
import { type Identity, newServerTls, type ServerTls } from "@tfs/rpc";
import { type Clock, codeOf, type Logger, messageOf, newError, type Timer } from "@tfs/std";
import { readSsl, type Ssl } from "./sslconfig.ts";

export interface CredentialsOptions {
  /** flag names the config file, for errors and the log. */
  readonly flag: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** openCredentials reads an SSLConfig and what it refers to. Throws NotFound or InvalidArgument, naming the flag, the field and the file. */
export async function openCredentials(path: string, options: CredentialsOptions): Promise<Credentials> {
  const { flag, logger } = options;
  try {
    const ssl = await readSsl(path);
    const tls = newServerTls({ ...ssl.identity, clientCerts: ssl.clientVerify ? "require" : "none" });
    if (ssl.clientVerify && ssl.identity.clientCa?.length === 0)
      logger.warn("client_verify without custom_ca: no client has a certificate that verifies", { flag });
    checkDates(ssl, options);
    return new Credentials(path, options, ssl, tls);
  } catch (err) {
    throw newError(codeOf(err), `--${flag}=${path}: ${messageOf(err)}`, err);
  }
}

/** checkDates says when a server's certificate is used out of its time, in which no client that looks accepts it. */
function checkDates({ identity, certName: certificate }: Ssl, { flag, clock, logger }: CredentialsOptions): void {
  const { validFromDate: from, validToDate: to } = new X509Certificate(identity.cert);
  const now = clock.wallMs();
  if (now < from.getTime()) logger.warn("the server's certificate is not valid yet", { flag, certificate, from: from.toISOString() });
  if (now > to.getTime()) logger.warn("the server's certificate has expired", { flag, certificate, to: to.toISOString() });
}

/** Files are looked at this often: certificates are exchanged hours before they expire. */
const lookMs = 10_000;

/** Credentials are what a port shows its clients, and wants of them, as files have it from now on. */
class Credentials {
  readonly tls: ServerTls;
  readonly #path: string;
  readonly #options: CredentialsOptions;
  readonly #clientVerify: boolean;
  /** What clients' certificates are signed by, according to what was in force last. */
  #clientCa: Identity["clientCa"];
  /** What is in force, or was found to be wrong. */
  #seen: string;
  #timer: Timer | undefined = undefined;
  #closed = false;

  constructor(path: string, options: CredentialsOptions, { text, clientVerify, identity }: Ssl, tls: ServerTls) {
    this.#path = path;
    this.#options = options;
    this.#clientVerify = clientVerify;
    this.#clientCa = identity.clientCa;
    this.#seen = text;
    this.tls = tls;
  }

  /** watch looks at the files every ten seconds, until close. */
  watch(): void {
    this.#timer = this.#options.clock.after(lookMs, () => void this.#next(), { background: true });
  }

  /** look reads the files, and takes what has changed for connections from now on. What is wrong with it is logged, once, and what was good before goes on. Never throws. */
  async look(): Promise<void> {
    const { flag, logger } = this.#options;
    try {
      if (await this.#take()) logger.info("certificates read again", { flag });
    } catch (err) {
      logger.error("certificates not taken: those before go on", { flag, err: messageOf(err) });
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #next(): Promise<void> {
    await this.look();
    if (!this.#closed) this.watch();
  }

  /** #take tells whether something new is in force. Throws for what is wrong and was not before. */
  async #take(): Promise<boolean> {
    let ssl: Ssl;
    try {
      ssl = await readSsl(this.#path);
    } catch (err) {
      if (!this.#isNew(messageOf(err))) return false;
      throw err;
    }
    if (!this.#isNew(ssl.text)) return false;
    const { clientCa: _, ...shown } = ssl.identity;
    const isSame = ssl.clientVerify === this.#clientVerify;
    const clientCa = isSame ? ssl.identity.clientCa : this.#clientCa; // authorities go with who is verified: none of them might mean anybody
    this.tls.reload({ ...shown, ...(clientCa !== undefined && { clientCa }) });
    this.#clientCa = clientCa;
    const { flag, logger } = this.#options;
    if (!isSame) logger.error("client_verify has changed, which takes a restart: until then it and custom_ca stay as they were", { flag });
    checkDates(ssl, this.#options);
    return true;
  }

  #isNew(seen: string): boolean {
    if (seen === this.#seen) return false;
    this.#seen = seen;
    return true;
  }
}
export type { Credentials };

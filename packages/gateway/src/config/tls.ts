import type { BackendTls as BackendTlsMessage, ListenTls as ListenTlsMessage } from "@tfs/proto";
import type { ServerTlsOptions } from "@tfs/rpc";
import { Code, type Flag, type Flags, newError } from "@tfs/std";

/** ListenTls is what the port shows its clients, and wants of them. Files are PEM; "" is none. */
export interface ListenTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string;
  readonly clientCerts: NonNullable<ServerTlsOptions["clientCerts"]>;
  readonly minVersion: NonNullable<ServerTlsOptions["minVersion"]>;
}

/** BackendTls is whom the gateway believes, and what it shows to backends. Files are PEM; "" is none. */
export interface BackendTls {
  /** caFile has the authorities of backends; "" means those that Node ships. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** serverName is the name that backends' certificates are for; "" is the host of each address. */
  readonly serverName: string;
}

const group = "TLS";
const text = (name: string, help: string): Flag => ({ name, kind: "string", fallback: "", group, help });

export const tlsFlags: readonly Flag[] = [
  text("tls_cert", "PEM file: certificate of the port, and those that lead to its root; with it the port speaks TLS"),
  text("tls_key", "PEM file: the certificate's key"),
  text("tls_client_ca", "PEM file: authorities of clients' certificates; with it clients are asked for one"),
  text("tls_client_certs", "require (the default with --tls_client_ca): serve no client without a certificate; request: serve those too"),
  text("tls_min_version", "oldest TLS that is spoken: 1.2 (the default) or 1.3"),
  { name: "backend_tls", kind: "bool", fallback: false, group, help: "speak TLS to the backends" },
  text("backend_ca", "PEM file: authorities of backends' certificates; default those that Node ships"),
  text("backend_cert", "PEM file: the gateway's own certificate, for backends that want one"),
  text("backend_key", "PEM file: its key"),
  text("backend_server_name", "name that backends' certificates are for; default the host of each address"),
];

/** listenTlsOf puts flags over the file. Undefined: the port speaks plaintext. Throws InvalidArgument naming what does not go together. */
export function listenTlsOf(flags: Flags, file: ListenTlsMessage | undefined): ListenTls | undefined {
  const pick = picker(flags);
  const [certFile, keyFile] = [pick("tls_cert", file?.certFile), pick("tls_key", file?.keyFile)];
  const clientCaFile = pick("tls_client_ca", file?.clientCaFile);
  const clientCerts = oneOf("tls_client_certs", pick("tls_client_certs", file?.clientCerts), clientCerting);
  const minVersion = oneOf("tls_min_version", pick("tls_min_version", file?.minVersion), minVersions);
  if (certFile === "" && keyFile === "") {
    if (clientCaFile !== "" || clientCerts !== undefined || minVersion !== undefined || file !== undefined) {
      throw newError(Code.InvalidArgument, "TLS on the port needs tls_cert and tls_key");
    }
    return undefined;
  }
  pair("tls_cert", certFile, "tls_key", keyFile);
  if (clientCerts !== undefined && clientCaFile === "") throw newError(Code.InvalidArgument, "tls_client_certs needs tls_client_ca");
  return {
    certFile,
    keyFile,
    clientCaFile,
    clientCerts: clientCaFile === "" ? "none" : (clientCerts ?? "require"),
    minVersion: minVersion ?? "TLSv1.2",
  };
}

/** backendTlsOf puts flags over the file. Undefined: backends are spoken to in plaintext. Throws InvalidArgument naming what does not go together. */
export function backendTlsOf(flags: Flags, file: BackendTlsMessage | undefined): BackendTls | undefined {
  const pick = picker(flags);
  const tls = {
    caFile: pick("backend_ca", file?.caFile),
    certFile: pick("backend_cert", file?.certFile),
    keyFile: pick("backend_key", file?.keyFile),
    serverName: pick("backend_server_name", file?.serverName),
  };
  if (flags.given("backend_tls") ? !flags.bool("backend_tls") : file === undefined) {
    const given = ["backend_ca", "backend_cert", "backend_key", "backend_server_name"].find((name) => flags.given(name));
    if (given !== undefined) throw newError(Code.InvalidArgument, `${given} needs backend_tls`);
    return undefined;
  }
  pair("backend_cert", tls.certFile, "backend_key", tls.keyFile);
  return tls;
}

function picker(flags: Flags): (name: string, field: string | undefined) => string {
  return (name, field) => (flags.given(name) ? flags.string(name) : (field ?? ""));
}

function pair(certName: string, cert: string, keyName: string, key: string): void {
  if ((cert === "") === (key === "")) return;
  const [given, lacking] = cert === "" ? [keyName, certName] : [certName, keyName];
  throw newError(Code.InvalidArgument, `${given} needs ${lacking}`);
}

const clientCerting = { request: "request", require: "require" } as const;
const minVersions = { "1.2": "TLSv1.2", "1.3": "TLSv1.3" } as const;

function oneOf<T>(name: string, value: string, values: Readonly<Record<string, T>>): T | undefined {
  if (value === "") return undefined;
  if (!Object.hasOwn(values, value)) throw newError(Code.InvalidArgument, `${name} is ${value}; it must be ${Object.keys(values).join(" or ")}`);
  return values[value];
}

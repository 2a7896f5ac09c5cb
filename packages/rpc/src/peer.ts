import type { Socket } from "node:net";
import { isSecure } from "./secure_socket.ts";

/** Peer is who is at the other end of a connection. */
export interface Peer {
  /** address is the IP address, or "" over a unix socket. */
  readonly address: string;
  readonly encrypted: boolean;
  /** certificate is what a TLS client proved to be; undefined if it showed none. It was verified: a connection with one that does not verify is never served. */
  readonly certificate: PeerCertificate | undefined;
}

/** PeerCertificate is what policies ask of a client's certificate. */
export interface PeerCertificate {
  /** subject is the distinguished name, most general part first: `O=tfs,CN=client`. */
  readonly subject: string;
  /** names are the subject's alternative names with their kinds, in order: `DNS:client.test`, `URI:spiffe://test/client`. */
  readonly names: readonly string[];
  /** fingerprint is the SHA-256 of the certificate, in hexadecimal with colons. */
  readonly fingerprint: string;
}

/** peerOf looks at a connection that is established. */
export function peerOf(socket: Socket): Peer {
  const encrypted = isSecure(socket);
  const shown = encrypted ? socket.getPeerX509Certificate() : undefined;
  const certificate = shown && {
    subject: shown.subject.replaceAll("\n", ","),
    names: alternativeNames(shown.subjectAltName ?? ""),
    fingerprint: shown.fingerprint256,
  };
  return { address: socket.remoteAddress ?? "", encrypted, certificate };
}

/** alternativeNames takes Node's one-line form apart: `KIND:name, KIND:name`, where a name that could be mistaken for more is a JSON string. */
export function alternativeNames(line: string): readonly string[] {
  return [...line.matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)].map(([, kind, name = ""]) => {
    return `${kind}:${name.startsWith('"') ? String(JSON.parse(name)) : name}`;
  });
}

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * CertificateName is one of the certificates for tests, which are as public as their keys. "ca" signs servers: "server" and "renewed" for localhost, 127.0.0.1 and
 * gateway.test, "elsewhere" for elsewhere.test alone, "expired" for localhost in the past; and "client". "stranger-ca" signs "stranger", a client.
 */
export type CertificateName = "ca" | "server" | "renewed" | "elsewhere" | "expired" | "client" | "stranger-ca" | "stranger";

/** certificateFile is where the certificate lies, or its key. */
export function certificateFile(name: CertificateName, part: "cert" | "key" = "cert"): string {
  return fileURLToPath(new URL(`../../testdata/tls/${name}${part === "key" ? ".key" : ""}.pem`, import.meta.url));
}

/** certificate gives a certificate with its key, as the options of TLS take them. */
export function certificate(name: CertificateName): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: readFileSync(certificateFile(name)), key: readFileSync(certificateFile(name, "key")) };
}

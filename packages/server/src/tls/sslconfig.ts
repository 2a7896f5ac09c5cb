import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { SSLConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/ssl_config_pb.js";
import type { Identity } from "@tfs/rpc";
import { Code, newError } from "@tfs/std";
import { readTextProto } from "../config/index.ts";

/** Ssl is what an SSLConfig says, with what its files hold. */
export interface Ssl {
  readonly identity: Identity;
  /** clientVerify: only clients with a certificate that verifies are served. */
  readonly clientVerify: boolean;
  /** certName is how messages call the server's certificate: by its field, and the file that it is in. */
  readonly certName: string;
  /** text is the same for what is the same. */
  readonly text: string;
}

/**
 * readSsl reads an SSLConfig in text format. Each part is PEM, as in TensorFlow Serving, or the path of a file that has it, from the config file's folder on.
 * Throws NotFound or InvalidArgument, naming the field and the file.
 */
export async function readSsl(path: string): Promise<Ssl> {
  const { serverKey, serverCert, customCa, clientVerify } = await readTextProto(SSLConfigSchema, path);
  const part = (field: string, value: string): Promise<Part> => readPart(field, value, dirname(path));
  const [key, cert] = [await part("server_key", serverKey), await part("server_cert", serverCert)];
  for (const { name, pem } of [key, cert]) if (pem === "") throw newError(Code.InvalidArgument, `${name} is missing`);
  const ca = await part("custom_ca", customCa);
  // Without authorities of its own gRPC verifies against none: every certificate is refused (ssl_transport_security.cc).
  const clientCa = ca.pem === "" ? (clientVerify ? { clientCa: [] as const } : {}) : { clientCa: ca.pem };
  const identity = { key: key.pem, cert: cert.pem, ...clientCa, names: { key: key.name, cert: cert.name, clientCa: ca.name } };
  return { identity, clientVerify, certName: cert.name, text: JSON.stringify([clientVerify, key.pem, cert.pem, ca.pem]) };
}

/** Part is a PEM text, and how errors call it: by its field, and the file that it is in. */
interface Part {
  readonly name: string;
  readonly pem: string;
}

/** No chain of certificates is larger; what is is something else. */
const maxBytes = 1 << 20;
/** What is longer, or has lines, was meant as PEM: it may be a secret, and is not shown. */
const maxPathLength = 1024;

async function readPart(field: string, value: string, folder: string): Promise<Part> {
  if (value === "" || value.includes("-----BEGIN")) return { name: field, pem: value };
  if (value.length > maxPathLength || value.trim().includes("\n")) throw newError(Code.InvalidArgument, `${field}: neither PEM nor the path of a file`);
  const path = resolve(folder, value.trim());
  const name = `${field} (${path})`;
  try {
    return { name, pem: await readSmall(path) };
  } catch (err) {
    const { code, message } = err as NodeJS.ErrnoException;
    if (code === "ENOENT") throw newError(Code.NotFound, `${field}: ${path}; No such file or directory`, err);
    throw newError(Code.InvalidArgument, `${name}: ${message}`, err);
  }
}

async function readSmall(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

// Makes the certificates that tests use, with the openssl command: `node scripts/certificates.mjs`. They are committed, so that nobody needs openssl to run the
// tests; their keys are as public as the repository, and good for nothing else.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const target = fileURLToPath(new URL("../packages/rpc/testdata/tls/", import.meta.url));
const [from, until] = ["20200101000000Z", "21200101000000Z"];

/** One line per certificate. `by` is who signs; a certificate signed by itself is an authority. */
const wanted = [
  { name: "ca", subject: "/CN=tfs test authority", by: "ca" },
  { name: "stranger-ca", subject: "/CN=tfs test stranger", by: "stranger-ca" },
  { name: "server", subject: "/CN=server", by: "ca", names: "DNS:localhost,DNS:gateway.test,IP:127.0.0.1,IP:::1", use: "serverAuth" },
  { name: "renewed", subject: "/CN=renewed", by: "ca", names: "DNS:localhost,DNS:gateway.test,IP:127.0.0.1,IP:::1", use: "serverAuth" },
  { name: "elsewhere", subject: "/CN=elsewhere", by: "ca", names: "DNS:elsewhere.test", use: "serverAuth" },
  { name: "expired", subject: "/CN=expired", by: "ca", names: "DNS:localhost,IP:127.0.0.1", use: "serverAuth", until: "20200102000000Z" },
  { name: "client", subject: "/O=tfs/CN=client", by: "ca", names: "DNS:client.test,URI:spiffe://test/client", use: "clientAuth" },
  { name: "stranger", subject: "/CN=stranger", by: "stranger-ca", names: "DNS:client.test", use: "clientAuth" },
];

const work = mkdtempSync(join(tmpdir(), "tfs-certificates-"));
try {
  const at = (file) => join(work, file);
  writeFileSync(at("index.txt"), "");
  for (const { name, subject, by, names, use, until: end = until } of wanted) {
    const key = join(target, `${name}.key.pem`);
    const own = by === name;
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key);
    openssl("req", "-new", "-config", write(at("req.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n"), "-key", key, "-subj", subject, "-out", at("csr.pem"));
    const uses = own
      ? "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign"
      : `basicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = ${use}\nsubjectAltName = ${names}`;
    const config = write(
      at("ca.cnf"),
      `[ca]\ndefault_ca = one\n[one]\ndatabase = ${at("index.txt")}\nnew_certs_dir = ${work}\nrand_serial = yes\ndefault_md = sha256\npolicy = any\nunique_subject = no\n` +
        `x509_extensions = uses\n[any]\norganizationName = optional\ncommonName = supplied\n[uses]\nsubjectKeyIdentifier = hash\n${uses}\n`,
    );
    const signer = own ? ["-selfsign", "-keyfile", key] : ["-cert", join(target, `${by}.pem`), "-keyfile", join(target, `${by}.key.pem`)];
    const dates = ["-startdate", from, "-enddate", end];
    openssl("ca", "-batch", "-notext", "-config", config, ...signer, ...dates, "-in", at("csr.pem"), "-out", join(target, `${name}.pem`));
  }
} finally {
  rmSync(work, { recursive: true });
}

function openssl(...args) {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}

function write(file, text) {
  writeFileSync(file, text);
  return file;
}

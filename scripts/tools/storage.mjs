// The bucket servers of the storage suite: servers of S3's and of Google Cloud Storage's API that keep what they are given in memory.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const fakeGcs = "v1.56.1";
const requirements = fileURLToPath(new URL("moto.txt", import.meta.url));

/** storageTools are the tools of the storage suites; the arguments are as in newGo, and `go` what newGo returned. */
export function storageTools({ dir, run, once, makeVenv, go }) {
  return {
    moto: {
      what: "a server of S3's API (getmoto/moto)",
      install: () =>
        once("moto", createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12), () => {
          const target = join(dir, "moto");
          rmSync(target, { recursive: true, force: true });
          mkdirSync(target, { recursive: true });
          run(makeVenv(join(target, "venv")), ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements]);
        }),
    },
    "fake-gcs-server": {
      what: "a server of Google Cloud Storage's API (fsouza/fake-gcs-server)",
      install: () => go.install("fake-gcs-server", fakeGcs, [`github.com/fsouza/fake-gcs-server@${fakeGcs}`]),
    },
  };
}

// Credentials for gs://, found by Google's library in the environment: in a process of its own, because that is one for all.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { background, Code, type Failure } from "@tfs/std";
import { filesOf, listening, modelFiles, remoteStorages, scratch, startShelf } from "../../testing/index.ts";

Reflect.deleteProperty(process.env, "GOOGLE_APPLICATION_CREDENTIALS");
process.env["GOOGLE_CLOUD_PROJECT"] = "test"; // or the library asks Google for it
process.env["METADATA_SERVER_DETECTION"] = "none"; // do not look for a machine of Google's around us
process.env["CLOUDSDK_CONFIG"] = "/dev/null/none";

/** credentialsFor is a file by which an identity is exchanged for a token. */
function credentialsFor(url: string, identity: string): string {
  return JSON.stringify({
    type: "external_account",
    audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: `${url}/token`,
    credential_source: { file: identity },
  });
}

test("a bucket is read with the token that the environment's credentials are exchanged for", async () => {
  using dir = scratch();
  await using shelf = await startShelf();
  shelf.token = "the-token";
  for (const [name, bytes] of modelFiles("half_plus_two/1")) shelf.put(`m/1/${name}`, bytes);
  let exchanges = 0;
  const issuer = createServer((_, response) => {
    exchanges++;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ access_token: "the-token", issued_token_type: "urn:ietf:params:oauth:token-type:access_token", token_type: "Bearer", expires_in: 3600 }),
    );
  });
  const { url, close } = await listening(issuer, "http");
  const [identity, credentials] = [join(dir.path, "identity"), join(dir.path, "credentials.json")];
  writeFileSync(identity, "who-i-am");
  writeFileSync(credentials, credentialsFor(url, identity));
  process.env["GOOGLE_APPLICATION_CREDENTIALS"] = credentials;
  try {
    await using remote = await remoteStorages({ cacheDir: join(dir.path, "cache"), gs: { endpoint: shelf.url } });
    const storage = remote.storages["gs"]!;
    assert.deepEqual(await storage.list(background(), "gs://models/m"), ["1"]);
    await using brought = await storage.bring(background(), "gs://models/m/1");
    assert.deepEqual(filesOf(brought.dir), modelFiles("half_plus_two/1"));
    assert.equal(exchanges, 1);
    shelf.token = "another";
    await assert.rejects(storage.list(background(), "gs://models/m"), (err: Failure) => {
      assert.equal(err.code, Code.Unauthenticated);
      assert.equal(err.message, "gs://models/m/: HTTP 401, Invalid Credentials");
      return true;
    });
  } finally {
    Reflect.deleteProperty(process.env, "GOOGLE_APPLICATION_CREDENTIALS");
    await close();
  }
});

test("tokens that cannot be had now may be had later", async () => {
  using dir = scratch();
  const [identity, credentials] = [join(dir.path, "identity"), join(dir.path, "credentials.json")];
  writeFileSync(identity, "who-i-am");
  writeFileSync(credentials, credentialsFor("http://127.0.0.1:1", identity));
  process.env["GOOGLE_APPLICATION_CREDENTIALS"] = credentials;
  try {
    await using remote = await remoteStorages({ cacheDir: join(dir.path, "cache"), gs: { endpoint: "http://127.0.0.1:1" }, tries: 2 });
    await assert.rejects(remote.storages["gs"]!.list(background(), "gs://models/m"), (err: Failure) => {
      assert.equal(err.code, Code.Unavailable);
      assert.equal(err.message, "gs://models/m/: where tokens for it are given out cannot be reached (ECONNREFUSED)");
      return true;
    });
  } finally {
    Reflect.deleteProperty(process.env, "GOOGLE_APPLICATION_CREDENTIALS");
  }
});

test("without credentials the caller is told what to do, and buckets for everybody need none", async () => {
  using dir = scratch();
  await using shelf = await startShelf();
  shelf.put("m/1/saved_model.pb", "x");
  await using remote = await remoteStorages({ cacheDir: dir.path, gs: { endpoint: shelf.url } });
  await assert.rejects(remote.storages["gs"]!.list(background(), "gs://models/m"), (err: Failure) => {
    assert.equal(err.code, Code.Unauthenticated);
    assert.equal(err.message, "gs://models/m/: no usable Google credentials were found (gcloud auth application-default login, or --gs_anonymous)");
    return true;
  });
  await using anonymous = await remoteStorages({ cacheDir: dir.path, gs: { endpoint: shelf.url, anonymous: true } });
  assert.deepEqual(await anonymous.storages["gs"]!.list(background(), "gs://models/m"), ["1"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { GetModelMetadataRequestSchema, GetModelMetadataResponseSchema, type ModelSpec, ModelSpecSchema, SignatureDefMapSchema } from "@tfs/proto";
import { background, Code, newError, withCancel } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { newSignatures } from "./signatures.ts";

/** A fleet that answers each question with the signature `v<n>` for the n-th, when it is told to. */
function newFleet() {
  const asked: ModelSpec[] = [];
  const waiting: { answer(): void; fail(err: unknown): void }[] = [];
  const unary = (_ctx: unknown, path: string, message: Uint8Array): Promise<Uint8Array> => {
    assert.equal(path, "/tensorflow.serving.PredictionService/GetModelMetadata");
    const request = fromBinary(GetModelMetadataRequestSchema, message);
    assert.deepEqual(request.metadataField, ["signature_def"]);
    asked.push(request.modelSpec!);
    const map = create(SignatureDefMapSchema, { signatureDef: { [`v${asked.length}`]: {} } });
    const response = create(GetModelMetadataResponseSchema, { metadata: { signature_def: anyPack(SignatureDefMapSchema, map) } });
    return new Promise((resolve, reject) => waiting.push({ answer: () => resolve(toBinary(GetModelMetadataResponseSchema, response)), fail: reject }));
  };
  const clock = fakeClock();
  return { asked, clock, signatures: newSignatures(unary, clock), next: () => waiting.shift()! };
}

const spec = (name: string, version?: bigint | string): ModelSpec => {
  if (version === undefined) return create(ModelSpecSchema, { name, signatureName: "any" });
  const versionChoice =
    typeof version === "string" ? { case: "versionLabel" as const, value: version } : { case: "version" as const, value: { value: version } };
  return create(ModelSpecSchema, { name, versionChoice });
};
const namesOf = async (answer: Promise<object>): Promise<string[]> => Object.keys(await answer);

test("signatures: who asks for the same spec at the same time shares one question", async () => {
  const fleet = newFleet();
  const answers = [1, 2, 3].map(() => fleet.signatures.of(background(), spec("m")));
  fleet.next().answer();
  for (const answer of answers) assert.deepEqual(await namesOf(answer), ["v1"]);
  assert.equal(fleet.asked.length, 1);
  assert.equal(fleet.asked[0]!.signatureName, "", "the question is about all signatures");
});

test("signatures: an answer is good for five seconds, and no longer", async () => {
  const fleet = newFleet();
  const first = fleet.signatures.of(background(), spec("m"));
  fleet.next().answer();
  await first;
  await fleet.clock.advance(4999);
  assert.deepEqual(await namesOf(fleet.signatures.of(background(), spec("m"))), ["v1"]);
  await fleet.clock.advance(1);
  const second = fleet.signatures.of(background(), spec("m"));
  fleet.next().answer();
  assert.deepEqual(await namesOf(second), ["v2"]);
});

test("signatures: model, version and label make a spec; no two of them are mixed up", async () => {
  const fleet = newFleet();
  const specs = [spec("m"), spec("n"), spec("m", 1n), spec("m", 2n), spec("m", "1"), spec("m", "canary"), spec('m","version","1'), spec("")];
  const answers = specs.map((s) => fleet.signatures.of(background(), s));
  for (const _ of specs) fleet.next().answer();
  assert.deepEqual(
    await Promise.all(answers.map(namesOf)),
    specs.map((_, i) => [`v${i + 1}`]),
  );
});

test("signatures: a failure reaches everyone who waits, as it is, and is not remembered", async () => {
  const fleet = newFleet();
  const answers = [1, 2].map(() => fleet.signatures.of(background(), spec("m")));
  const failure = newError(Code.NotFound, "Servable not found for request: Latest(m)");
  fleet.next().fail(failure);
  for (const answer of answers) await assert.rejects(answer, failure);
  const again = fleet.signatures.of(background(), spec("m"));
  fleet.next().answer();
  assert.deepEqual(await namesOf(again), ["v2"]);
});

test("signatures: one who goes away does not take the answer from the others", async () => {
  const fleet = newFleet();
  using ctx = withCancel(background());
  const [gone, stays] = [fleet.signatures.of(ctx, spec("m")), fleet.signatures.of(background(), spec("m"))];
  ctx.cancel();
  await assert.rejects(gone, { code: Code.Canceled });
  fleet.next().answer();
  assert.deepEqual(await namesOf(stays), ["v1"]);
});

test("signatures: 1,024 specs are remembered, the oldest goes for one more", async () => {
  const fleet = newFleet();
  const ask = async (name: string): Promise<void> => {
    const before = fleet.asked.length;
    const answer = fleet.signatures.of(background(), spec(name));
    if (fleet.asked.length > before) fleet.next().answer();
    await answer;
  };
  for (let i = 0; i < 1024; i++) await ask(`m${i}`);
  await ask("m0");
  assert.equal(fleet.asked.length, 1024);
  await ask("m1024");
  await ask("m1");
  assert.equal(fleet.asked.length, 1025, "m1 is still there");
  await ask("m0");
  assert.equal(fleet.asked.length, 1026, "m0 was the oldest");
});

test("signatures: metadata without signatures is the model server's fault", async () => {
  const signatures = newSignatures(() => Promise.resolve(new Uint8Array()), fakeClock());
  await assert.rejects(signatures.of(background(), spec("m")), { code: Code.Internal, message: "the model server sent metadata without signatures" });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { GetModelMetadataRequestSchema, GetModelMetadataResponseSchema, type ModelSpec, SignatureDefMapSchema } from "@tfs/proto";
import type { Target } from "@tfs/rest";
import { Code, newError } from "@tfs/std";
import { fakeClock } from "@tfs/std/testing";
import { type Known, newSignatures } from "./signatures.ts";

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

const target = (model: string, choice?: bigint | string): Target =>
  choice === undefined ? { model } : typeof choice === "string" ? { model, label: choice } : { model, version: choice };
const namesOf = async (answer: Promise<Known>): Promise<readonly string[]> => (await answer).names;

test("signatures: who asks for the same target at the same time shares one question", async () => {
  const fleet = newFleet();
  const answers = [1, 2, 3].map(() => fleet.signatures.of(target("m")));
  fleet.next().answer();
  for (const answer of answers) assert.deepEqual(await namesOf(answer), ["v1"]);
  assert.equal(fleet.asked.length, 1);
  assert.equal(fleet.asked[0]!.signatureName, "", "the question is about all signatures");
});

test("signatures: an answer is good for five seconds, and no longer", async () => {
  const fleet = newFleet();
  const first = fleet.signatures.of(target("m"));
  fleet.next().answer();
  await first;
  await fleet.clock.advance(4999);
  assert.deepEqual(await namesOf(fleet.signatures.of(target("m"))), ["v1"]);
  await fleet.clock.advance(1);
  const second = fleet.signatures.of(target("m"));
  fleet.next().answer();
  assert.deepEqual(await namesOf(second), ["v2"]);
});

test("signatures: model, version and label make a target; no two of them are mixed up", async () => {
  const fleet = newFleet();
  const targets = [target("m"), target("n"), target("m", 1n), target("m", 2n), target("m", "1"), target("m", "canary"), target('m","version","1'), target("")];
  const answers = targets.map((s) => fleet.signatures.of(s));
  for (const _ of targets) fleet.next().answer();
  assert.deepEqual(
    await Promise.all(answers.map(namesOf)),
    targets.map((_, i) => [`v${i + 1}`]),
  );
});

test("signatures: a failure reaches everyone who waits, as it is, and is not remembered", async () => {
  const fleet = newFleet();
  const answers = [1, 2].map(() => fleet.signatures.of(target("m")));
  const failure = newError(Code.NotFound, "Servable not found for request: Latest(m)");
  fleet.next().fail(failure);
  for (const answer of answers) await assert.rejects(answer, failure);
  const again = fleet.signatures.of(target("m"));
  fleet.next().answer();
  assert.deepEqual(await namesOf(again), ["v2"]);
});

test("signatures: what is known is known without waiting, for as long as it is good", async () => {
  const fleet = newFleet();
  assert.equal(fleet.signatures.known(target("m")), undefined);
  const answer = fleet.signatures.of(target("m"));
  assert.equal(fleet.signatures.known(target("m")), undefined, "asked, and not answered yet");
  fleet.next().answer();
  const known = await answer;
  assert.equal(fleet.signatures.known(target("m")), known);
  assert.equal(fleet.signatures.known(target("m", 1n)), undefined);
  await fleet.clock.advance(5000);
  assert.equal(fleet.signatures.known(target("m")), undefined);
});

test("signatures: who needs a newer answer shares one question, asked 100 ms after the last one; the old answer is known until then", async () => {
  const fleet = newFleet();
  const first = fleet.signatures.of(target("m"));
  fleet.next().answer();
  const known = await first;
  assert.equal(fleet.signatures.since(target("m"), known.asked), first, "asked no earlier than that");
  await fleet.clock.advance(40);
  const newer = Promise.all([1, 2, 3].map(() => namesOf(fleet.signatures.since(target("m"), fleet.clock.now()))));
  await fleet.clock.advance(59);
  assert.equal(fleet.asked.length, 1);
  await fleet.clock.advance(1);
  assert.equal(fleet.asked.length, 2);
  assert.equal(fleet.signatures.known(target("m")), known);
  fleet.next().answer();
  assert.deepEqual(await newer, [["v2"], ["v2"], ["v2"]]);
  assert.deepEqual(fleet.signatures.known(target("m"))?.names, ["v2"]);
});

test("signatures: a newer answer is not asked for while a question is open, and what it fails with reaches who waits", async () => {
  const fleet = newFleet();
  const first = fleet.signatures.of(target("m"));
  await fleet.clock.advance(1000);
  const newer = fleet.signatures.since(target("m"), fleet.clock.now());
  await fleet.clock.advance(1000);
  assert.equal(fleet.asked.length, 1);
  fleet.next().answer();
  await first;
  await fleet.clock.advance(0);
  assert.equal(fleet.asked.length, 2);
  const failure = newError(Code.NotFound, "Servable not found for request: Latest(m)");
  fleet.next().fail(failure);
  await assert.rejects(newer, failure);
  assert.equal(fleet.signatures.known(target("m")), undefined);
});

test("signatures: a plan is made once for each name there is", async () => {
  const fleet = newFleet();
  const answer = fleet.signatures.of(target("m"));
  fleet.next().answer();
  const known = await answer;
  assert.ok(known.plan("v1").signature !== undefined);
  assert.equal(known.plan("v1"), known.plan("v1"));
  for (const name of ["", "v2", "constructor", "__proto__"]) {
    assert.equal(known.plan(name).signature, undefined);
    assert.notEqual(known.plan(name), known.plan(name), "names that strangers make up are not kept");
  }
});

test("signatures: 1,024 targets are remembered, the oldest goes for one more", async () => {
  const fleet = newFleet();
  const ask = async (name: string): Promise<void> => {
    const before = fleet.asked.length;
    const answer = fleet.signatures.of(target(name));
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
  await assert.rejects(signatures.of(target("m")), { code: Code.Internal, message: "the model server sent metadata without signatures" });
});

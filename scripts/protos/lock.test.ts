import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { lockOf } from "./lock.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const built = fromBinary(
  FileDescriptorSetSchema,
  execFileSync(process.execPath, [`${root}node_modules/@bufbuild/buf/bin/buf`, "build", "--as-file-descriptor-set", "-o", "-#format=binpb"], {
    cwd: root,
    maxBuffer: 1 << 26,
  }),
);
const lock = readFileSync(new URL("./descriptors.lock", import.meta.url), "utf8");
const locked = new Set([...lock.matchAll(/^(\S+) file /gm)].map((m) => m[1]!));

test("the .proto text says what TensorFlow's packages say, fact by fact", () => {
  const ours = lockOf(built.file.filter((f) => locked.has(f.name))).split("\n");
  const theirs = lock.split("\n");
  const [a, b] = [new Set(ours), new Set(theirs)];
  assert.deepEqual({ added: ours.filter((fact) => !b.has(fact)), lost: theirs.filter((fact) => !a.has(fact)) }, { added: [], lost: [] });
});
test("the closure is whole: 59 files and 228 messages besides the google ones", () => {
  const messages = lock.match(/ message /g)!.length;
  assert.ok(locked.size >= 59 && messages >= 228, `${locked.size} files, ${messages} messages`);
});
test("what the packages lack is written by hand and builds", () => {
  const names = built.file.map((f) => f.name).filter((name) => name.startsWith("tensorflow") && !locked.has(name));
  assert.deepEqual(names.sort(), [
    "tensorflow_serving/apis/internal/serialized_input.proto",
    "tensorflow_serving/config/monitoring_config.proto",
    "tensorflow_serving/config/ssl_config.proto",
    "tensorflow_serving/servables/tensorflow/saved_model_bundle_source_adapter.proto",
    "tensorflow_serving/servables/tensorflow/saved_model_config.proto",
    "tensorflow_serving/servables/tensorflow/session_bundle_config.proto",
    "tensorflow_serving/servables/tensorflow/thread_pool_factory_config.proto",
  ]);
});
test("every service, RPC and message of TensorFlow Serving explains itself", () => {
  const silent: string[] = [];
  for (const file of built.file.filter((f) => f.name.startsWith("tensorflow_serving/"))) {
    const explained = new Set(file.sourceCodeInfo!.location.filter((l) => l.leadingComments.trim() !== "").map((l) => l.path.join(".")));
    const look = (path: string, name: string): void => void (explained.has(path) || silent.push(`${file.name}: ${name}`));
    const message = (m: DescriptorProto, path: string): void => {
      if (m.options?.mapEntry === true) return;
      look(path, m.name);
      for (const [i, nested] of m.nestedType.entries()) message(nested, `${path}.3.${i}`);
    };
    for (const [i, m] of file.messageType.entries()) message(m, `4.${i}`);
    for (const [i, service] of file.service.entries()) {
      look(`6.${i}`, service.name);
      for (const [j, method] of service.method.entries()) look(`6.${i}.2.${j}`, `${service.name}.${method.name}`);
    }
  }
  assert.deepEqual(silent, []);
});
test("a renamed field, a changed number or type shows in the lock", () => {
  const file = built.file.find((f) => f.name === "tensorflow_serving/apis/model.proto")!;
  const before = lockOf([file]);
  for (const change of [{ name: "nome" }, { number: 99 }, { type: 5 }]) {
    const copy = structuredClone({
      ...file,
      messageType: file.messageType.map((m) => ({ ...m, field: m.field.map((f, i) => (i === 0 ? { ...f, ...change } : f)) })),
    });
    assert.notEqual(lockOf([copy as unknown as FileDescriptorProto]), before, JSON.stringify(change));
  }
});

// npm run protos:update writes third_party/ and the lock from the pinned PyPI packages; npm run protos:check only compares the lock.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { newComments } from "./comments.ts";
import { lockOf } from "./lock.ts";
import { printFile } from "./print.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const lockFile = join(here, "descriptors.lock");
const pins = JSON.parse(readFileSync(join(here, "pins.json"), "utf8")) as { packages: Record<string, string>; roots: string[] };

/** google/protobuf/… comes with buf; everything else in the closure is ours to write out. */
const ours = (file: FileDescriptorProto): boolean => !file.name.startsWith("google/");

/** treeOf says which of the two trees a file belongs to. */
function treeOf(name: string): string {
  return name.startsWith("tensorflow_serving/") ? "third_party/serving" : "third_party/tensorflow";
}

function python(): string {
  const venv = join(root, ".tools/venv/bin/python");
  return process.env["TFS_PYTHON"] ?? (existsSync(venv) ? venv : "python3");
}

function dump(): FileDescriptorProto[] {
  const dir = mkdtempSync(join(tmpdir(), "tfs-protos-"));
  try {
    const out = join(dir, "set.binpb");
    const check = Object.entries(pins.packages).map(([name, version]) => `assert m.version("${name}") == "${version}", "${name} is " + m.version("${name}")`);
    execFileSync(python(), ["-c", `import importlib.metadata as m\n${check.join("\n")}`], { stdio: ["ignore", "ignore", "pipe"] });
    execFileSync(python(), [join(here, "dump.py"), out, ...pins.roots], { stdio: ["ignore", "ignore", "inherit"] });
    return fromBinary(FileDescriptorSetSchema, readFileSync(out)).file.filter(ours);
  } catch (err) {
    const want = Object.entries(pins.packages).map(([name, version]) => `${name} ${version}`);
    throw new Error(`needs ${want.join(" and ")} in ${python()}: run npm run tools, or set TFS_PYTHON`, { cause: err });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function update(): void {
  const files = dump();
  const comments = newComments();
  for (const file of files) {
    const path = join(root, treeOf(file.name), file.name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, printFile(file, comments.of));
  }
  comments.finish(files);
  writeFileSync(lockFile, lockOf(files));
  console.log(`wrote ${files.length} files and the lock; now: npm run generate`);
}

function check(): void {
  const want = lockOf(dump());
  const got = readFileSync(lockFile, "utf8");
  if (want === got) {
    console.log(
      `the lock holds what ${Object.entries(pins.packages)
        .map(([n, v]) => `${n} ${v}`)
        .join(" and ")} say: ${want.split("\n").length - 1} facts`,
    );
    return;
  }
  const [a, b] = [new Set(want.split("\n")), new Set(got.split("\n"))];
  for (const fact of a) if (!b.has(fact)) console.error(`+ ${fact}`);
  for (const fact of b) if (!a.has(fact)) console.error(`- ${fact}`);
  throw new Error("the committed lock differs from the packages: npm run protos:update, and read the diff");
}

const command = process.argv[2];
try {
  if (command === "update") update();
  else if (command === "check") check();
  else throw new Error("usage: main.ts update | check");
} catch (err) {
  console.error(err instanceof Error ? err.message : err);
  process.exitCode = 1;
}

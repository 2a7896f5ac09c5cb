import { readFileSync, statSync } from "node:fs";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type DescriptorSet, shippedFiles } from "@tfs/services";
import { Code, messageOf, newError } from "@tfs/std";

/** Larger than this is no set of descriptors that somebody wrote. */
const maxSetBytes = 64 << 20;

/** readDescriptorSet reads a file as parseDescriptorSet does. Throws NotFound if there is none, InvalidArgument if it is too large. */
export function readDescriptorSet(file: string): DescriptorSet {
  let bytes: Uint8Array;
  let size: number;
  try {
    ({ size } = statSync(file));
    bytes = size > maxSetBytes ? new Uint8Array(0) : readFileSync(file);
  } catch (err) {
    throw newError(Code.NotFound, `descriptor set ${messageOf(err)}`, err); // the message has the name
  }
  if (size > maxSetBytes) throw newError(Code.InvalidArgument, `descriptor set ${file}: it has ${size} bytes, more than the ${maxSetBytes} that are read`);
  return parseDescriptorSet(bytes, file);
}

/**
 * parseDescriptorSet links a binary google.protobuf.FileDescriptorSet, as `buf build -o x.binpb` and `protoc --include_imports --descriptor_set_out=x.binpb` write it,
 * in whatever order its files are. An import that it lacks may be one that we ship: google/protobuf and TensorFlow's. Throws InvalidArgument that begins with `name`
 * and says which import or name is missing.
 */
export function parseDescriptorSet(bytes: Uint8Array, name: string): DescriptorSet {
  try {
    const { file } = fromBinary(FileDescriptorSetSchema, bytes);
    if (file.length === 0) throw new Error("it names no files");
    const linked = createFileRegistry(create(FileDescriptorSetSchema, { file: inOrder(file) }));
    return { files: new Map([...linked.files].map((desc) => [desc.proto.name, desc])) };
  } catch (err) {
    throw newError(Code.InvalidArgument, `descriptor set ${name}: ${messageOf(err)}`, err);
  }
}

/** inOrder gives the files with what they import before them, each once. */
function inOrder(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const ours = shippedFiles();
  const named = new Map<string, FileDescriptorProto>();
  for (const file of files) if (!named.has(file.name)) named.set(file.name, file); // sets that were put behind one another share what they import
  const ordered: FileDescriptorProto[] = [];
  const seen = new Map<string, "open" | "done">();
  const visit = (file: FileDescriptorProto): void => {
    const state = seen.get(file.name);
    if (state === "done") return;
    if (state === "open") throw new Error(`${file.name} imports itself, by way of others`);
    seen.set(file.name, "open");
    for (const wanted of file.dependency) {
      const found = named.get(wanted) ?? ours.get(wanted)?.proto;
      if (found === undefined) throw new Error(`${file.name} imports ${wanted}, which is not in the set (protoc needs --include_imports)`);
      visit(found);
    }
    seen.set(file.name, "done");
    ordered.push(file);
  };
  for (const file of named.values()) visit(file);
  return ordered;
}

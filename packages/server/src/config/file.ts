import { readFile } from "node:fs/promises";
import { createRegistry, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { SavedModelBundleSourceAdapterConfigSchema } from "@tfs/proto/gen/tensorflow_serving/servables/tensorflow/saved_model_bundle_source_adapter_pb.js";
import { Code, messageOf, newError } from "@tfs/std";

/** What an Any in such a file may hold. */
const registry = createRegistry(SavedModelBundleSourceAdapterConfigSchema);

/** readTextProto reads a message in text format from a file. Throws NotFound or InvalidArgument in TensorFlow Serving's words, with where and what is wrong. */
export async function readTextProto<D extends DescMessage>(schema: D, path: string): Promise<MessageShape<D>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException;
    if (code === "ENOENT") throw newError(Code.NotFound, `${path}; No such file or directory`, err);
    throw newError(Code.FailedPrecondition, `${path}; ${messageOf(err)}`, err);
  }
  return parseTextProto(schema, text, path);
}

/** parseTextProto reads text that came from a file of that name. */
export function parseTextProto<D extends DescMessage>(schema: D, text: string, path: string): MessageShape<D> {
  try {
    return fromText(schema, text, { registry });
  } catch (err) {
    throw newError(Code.InvalidArgument, `Invalid protobuf file: '${path}': Error parsing text-format ${schema.typeName}: ${messageOf(err)}`, err);
  }
}

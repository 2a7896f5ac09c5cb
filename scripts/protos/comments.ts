import { readFileSync } from "node:fs";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { Comments } from "./print.ts";

/** newComments reads our own comments; finish throws if one of TensorFlow Serving's declarations has none, or if a comment is for nothing. */
export function newComments(): { readonly of: Comments; finish(files: readonly FileDescriptorProto[]): void } {
  const texts = new Map(Object.entries(JSON.parse(readFileSync(new URL("./comments.json", import.meta.url), "utf8")) as Record<string, string>));
  return {
    of: (name) => texts.get(name),
    finish(files) {
      const declared = new Set(files.flatMap(declarations));
      const needed = files.filter((f) => f.package === "tensorflow.serving").flatMap((f) => declarations(f).filter((name) => !isEnum(f, name)));
      const missing = needed.filter((name) => !texts.has(name));
      const idle = [...texts.keys()].filter((name) => !declared.has(name));
      if (missing.length > 0) throw new Error(`comments.json lacks ${missing.join(", ")}`);
      if (idle.length > 0) throw new Error(`comments.json explains what is not there: ${idle.join(", ")}`);
    },
  };
}

function declarations(file: FileDescriptorProto): string[] {
  const names: string[] = [];
  const message = (m: DescriptorProto, scope: string): void => {
    if (m.options?.mapEntry === true) return;
    names.push(`${scope}.${m.name}`);
    for (const e of m.enumType) names.push(`${scope}.${m.name}.${e.name}`);
    for (const n of m.nestedType) message(n, `${scope}.${m.name}`);
  };
  for (const m of file.messageType) message(m, file.package);
  for (const e of file.enumType) names.push(`${file.package}.${e.name}`);
  for (const s of file.service) names.push(`${file.package}.${s.name}`, ...s.method.map((m) => `${file.package}.${s.name}.${m.name}`));
  return names;
}

function isEnum(file: FileDescriptorProto, name: string): boolean {
  const nested = (m: DescriptorProto, scope: string): boolean =>
    m.enumType.some((e) => `${scope}.${m.name}.${e.name}` === name) || m.nestedType.some((n) => nested(n, `${scope}.${m.name}`));
  return file.enumType.some((e) => `${file.package}.${e.name}` === name) || file.messageType.some((m) => nested(m, file.package));
}

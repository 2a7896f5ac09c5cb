import type { DescExtension, DescFile, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";

/** Symbols says where the names of one descriptor set are declared. */
export interface Symbols {
  /** files by full name: messages and their fields and oneofs, enums and their values, extensions, services and their methods. */
  readonly files: ReadonlyMap<string, DescFile>;
  /** extensions by the message that they extend, and there by number. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, DescFile>>;
  /** messages has the full names that are messages. */
  readonly messages: ReadonlySet<string>;
}

/** newSymbols reads every name that the files declare. */
export function newSymbols(files: Iterable<DescFile>): Symbols {
  const found = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  const messages = new Set<string>();
  const add = (desc: DescFile | DescMessage, file: DescFile): void => {
    for (const type of nestedTypes(desc)) {
      found.set(type.typeName, file);
      switch (type.kind) {
        case "message":
          messages.add(type.typeName);
          for (const field of type.fields) found.set(`${type.typeName}.${field.name}`, file);
          for (const oneof of type.oneofs) found.set(`${type.typeName}.${oneof.name}`, file);
          break;
        case "enum":
          // A value lives beside its enum, not in it.
          for (const value of type.values) found.set(type.typeName.replace(/[^.]*$/, value.name), file);
          break;
        case "service":
          for (const method of type.methods) found.set(`${type.typeName}.${method.name}`, file);
          break;
        case "extension":
          addExtension(extensions, type, file);
      }
    }
  };
  for (const file of files) add(file, file);
  return { files: found, extensions, messages };
}

function addExtension(extensions: Map<string, Map<number, DescFile>>, desc: DescExtension, file: DescFile): void {
  const { typeName } = desc.extendee;
  let numbers = extensions.get(typeName);
  if (numbers === undefined) extensions.set(typeName, (numbers = new Map()));
  numbers.set(desc.number, file);
}

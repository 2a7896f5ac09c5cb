import { createRegistry, type DescFile } from "@bufbuild/protobuf";
import { type Descriptors, type DescriptorSet, newDescriptors, pathOf, shippedFiles } from "@tfs/services";
import { type Method, newMethod } from "./method.ts";

/** Schema is all that descriptors say about services and types. It never changes. */
export interface Schema {
  readonly descriptors: Descriptors;
  /** method gives the method that gRPC calls under this path, "/package.Service/Method". */
  method(path: string): Method | undefined;
}

/** newSchema puts descriptor sets before what we ship. Where two declare the same service, file or name, the first one counts; each set keeps to its own types. */
export function newSchema(sets: readonly DescriptorSet[] = []): Schema {
  const all = [...sets, { files: shippedFiles() }];
  const methods = new Map<string, Method>();
  const services = new Set<string>();
  for (const set of all) {
    const registry = createRegistry(...typesFor(set, all));
    for (const file of set.files.values()) {
      for (const service of file.services) {
        if (services.has(service.typeName)) continue;
        services.add(service.typeName);
        for (const method of service.methods) methods.set(pathOf(method), newMethod(method, registry));
      }
    }
  }
  return { descriptors: newDescriptors(all), method: (path) => methods.get(path) };
}

/** typesFor gives the files whose types an Any in a message of `set` may hold: in a registry the last one wins, so its own come last. */
function typesFor(set: DescriptorSet, all: readonly DescriptorSet[]): DescFile[] {
  return [...all.toReversed().filter((other) => other !== set), set].flatMap(({ files }) => [...files.values()]);
}

import { createRegistry, type DescFile } from "@bufbuild/protobuf";
import { type Method, newMethod, pathOf } from "./method.ts";
import type { DescriptorSet } from "./set.ts";
import { shippedFiles } from "./shipped.ts";
import { newSymbols, type Symbols } from "./symbols.ts";

/** Schema is all that descriptors say about services and types. It never changes. */
export interface Schema {
  /** method gives the method that gRPC calls under this path, "/package.Service/Method". */
  method(path: string): Method | undefined;
  /** services are the full names of all services, sorted. */
  services(): readonly string[];
  /** file gives a file by the name under which others import it. */
  file(name: string): DescFile | undefined;
  /** fileOf gives the file that declares a full name: a message, field, oneof, enum, value, extension, service or method. */
  fileOf(symbol: string): DescFile | undefined;
  /** fileOfExtension gives the file that declares extension `number` of a message. */
  fileOfExtension(message: string, number: number): DescFile | undefined;
  /** extensionNumbers are the numbers of all extensions of a message, ascending; undefined if there is no such message. */
  extensionNumbers(message: string): readonly number[] | undefined;
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
  return new Index(all, methods, [...services].sort());
}

/** typesFor gives the files whose types an Any in a message of `set` may hold: in a registry the last one wins, so its own come last. */
function typesFor(set: DescriptorSet, all: readonly DescriptorSet[]): DescFile[] {
  return [...all.toReversed().filter((other) => other !== set), set].flatMap(({ files }) => [...files.values()]);
}

class Index implements Schema {
  readonly #sets: readonly DescriptorSet[];
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #services: readonly string[];
  /** Names are read when first asked for: most gateways are never asked. */
  #symbols: readonly Symbols[] | undefined = undefined;

  constructor(sets: readonly DescriptorSet[], methods: ReadonlyMap<string, Method>, services: readonly string[]) {
    this.#sets = sets;
    this.#methods = methods;
    this.#services = services;
  }

  method(path: string): Method | undefined {
    return this.#methods.get(path);
  }

  services(): readonly string[] {
    return this.#services;
  }

  file(name: string): DescFile | undefined {
    return first(this.#sets, (set) => set.files.get(name));
  }

  fileOf(symbol: string): DescFile | undefined {
    return first(this.#names, ({ files }) => files.get(symbol));
  }

  fileOfExtension(message: string, number: number): DescFile | undefined {
    return first(this.#names, ({ extensions }) => extensions.get(message)?.get(number));
  }

  extensionNumbers(message: string): readonly number[] | undefined {
    if (!this.#names.some(({ messages }) => messages.has(message))) return undefined;
    const numbers = this.#names.flatMap(({ extensions }) => [...(extensions.get(message)?.keys() ?? [])]);
    return [...new Set(numbers)].sort((a, b) => a - b);
  }

  get #names(): readonly Symbols[] {
    this.#symbols ??= this.#sets.map(({ files }) => newSymbols(files.values()));
    return this.#symbols;
  }
}

/** first gives the first answer that is one. */
function first<T, R>(list: readonly T[], ask: (item: T) => R | undefined): R | undefined {
  for (const item of list) {
    const answer = ask(item);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

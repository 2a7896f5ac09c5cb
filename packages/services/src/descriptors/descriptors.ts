import type { DescFile } from "@bufbuild/protobuf";
import { newSymbols, type Symbols } from "./symbols.ts";

/** DescriptorSet is a linked set of .proto files: every import is there, every name resolves. */
export interface DescriptorSet {
  /** files by the name under which they are imported. */
  readonly files: ReadonlyMap<string, DescFile>;
}

/** Descriptors say in which file a name is declared. They never change. */
export interface Descriptors {
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

/** newDescriptors reads sets. Where two declare the same file or name, the first one counts. */
export function newDescriptors(sets: readonly DescriptorSet[]): Descriptors {
  return new Index(sets);
}

class Index implements Descriptors {
  readonly #sets: readonly DescriptorSet[];
  readonly #services: readonly string[];
  /** Names are read when first asked for: most processes are never asked. */
  #symbols: readonly Symbols[] | undefined = undefined;

  constructor(sets: readonly DescriptorSet[]) {
    this.#sets = sets;
    const names = sets.flatMap(({ files }) => [...files.values()].flatMap((file) => file.services.map(({ typeName }) => typeName)));
    this.#services = [...new Set(names)].sort();
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

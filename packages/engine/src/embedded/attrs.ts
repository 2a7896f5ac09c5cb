import type { AttrValue } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { type DType, fromMessage, type Tensor, toDType } from "@tfs/tensor";

/** Attrs reads a node's attributes. Exporters strip attributes that have their default, so every reader names it. */
export interface Attrs {
  has(name: string): boolean;
  int(name: string, fallback?: number): number;
  /** long gives an integer that may need all of its 64 bits. */
  long(name: string, fallback?: bigint): bigint;
  ints(name: string): readonly number[];
  longs(name: string): readonly bigint[];
  floats(name: string): readonly number[];
  float(name: string, fallback?: number): number;
  bool(name: string, fallback?: boolean): boolean;
  string(name: string, fallback?: string): string;
  /** bytes gives a string as it is: it may not be UTF-8. */
  bytes(name: string): Uint8Array;
  strings(name: string): readonly string[];
  dtype(name: string, fallback?: DType): DType;
  dtypes(name: string): readonly DType[];
  /** shape gives dimensions with -1 for unknown ones; undefined for an unknown rank. */
  shape(name: string): readonly number[] | undefined;
  shapes(name: string): readonly (readonly number[] | undefined)[];
  tensor(name: string): Tensor;
  func(name: string): string;
  funcs(name: string): readonly string[];
}

type Case = NonNullable<AttrValue["value"]["case"]>;
type ValueOf<C extends Case> = Extract<AttrValue["value"], { case: C }>["value"];

const utf8 = new TextDecoder();

export function newAttrs(node: string, attr: { readonly [key: string]: AttrValue }): Attrs {
  const of = <C extends Case>(name: string, kind: C): ValueOf<C> | undefined => {
    const value = attr[name]?.value;
    if (value?.case === undefined) return undefined;
    if (value.case !== kind) throw newError(Code.InvalidArgument, `node ${node}: attribute ${name} is ${value.case}, not ${kind}`);
    return value.value as ValueOf<C> | undefined; // the case says so
  };
  const need = <T>(name: string, value: T | undefined, fallback: T | undefined): T => {
    const found = value ?? fallback;
    if (found === undefined) throw newError(Code.InvalidArgument, `node ${node} lacks attribute ${name}`);
    return found;
  };
  const type = (name: string, n: number | undefined): DType | undefined => {
    if (n === undefined) return undefined;
    const dtype = toDType(n);
    if (dtype === undefined) throw newError(Code.InvalidArgument, `node ${node}: attribute ${name} is the unknown dtype ${n}`);
    return dtype;
  };
  const dims = (s: { readonly unknownRank: boolean; readonly dim: readonly { readonly size: bigint }[] } | undefined): number[] | undefined =>
    s === undefined || s.unknownRank ? undefined : s.dim.map((d) => Number(d.size));
  return {
    has: (name) => attr[name]?.value.case !== undefined,
    int: (name, fallback) => Number(need<bigint | number>(name, of(name, "i"), fallback)),
    long: (name, fallback) => need(name, of(name, "i"), fallback),
    longs: (name) => of(name, "list")?.i ?? [],
    floats: (name) => of(name, "list")?.f ?? [],
    ints: (name) => of(name, "list")?.i.map(Number) ?? [],
    float: (name, fallback) => need(name, of(name, "f"), fallback),
    bool: (name, fallback) => need(name, of(name, "b"), fallback),
    string: (name, fallback) => {
      const value = of(name, "s");
      return need(name, value === undefined ? undefined : utf8.decode(value), fallback);
    },
    bytes: (name) => need(name, of(name, "s"), undefined),
    strings: (name) => of(name, "list")?.s.map((s) => utf8.decode(s)) ?? [],
    dtype: (name, fallback) => need(name, type(name, of(name, "type")), fallback),
    dtypes: (name) => (of(name, "list")?.type ?? []).map((n) => need(name, type(name, n), undefined)),
    shape: (name) => dims(of(name, "shape")),
    shapes: (name) => of(name, "list")?.shape.map(dims) ?? [],
    tensor: (name) => fromMessage(need(name, of(name, "tensor"), undefined), { name: node, maxBytes: 2 ** 31, maxFillBytes: 2 ** 30 }),
    func: (name) => need(name, of(name, "func"), undefined).name,
    funcs: (name) => of(name, "list")?.func.map((f) => f.name) ?? [],
  };
}

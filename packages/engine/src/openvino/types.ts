import { type DType, toDType } from "@tfs/tensor";
import type { AttrValue } from "@tfs/proto";
import type { FlatNode } from "../embedded/index.ts";
import { outputTypes } from "./types_data.ts";

/** outputDTypes gives the dtypes of a node's outputs, in order; undefined for an op that we do not know. */
export function outputDTypes(node: Pick<FlatNode, "op" | "attr">): readonly (DType | undefined)[] | undefined {
  return outputTypes[node.op]?.flatMap(([type, fallback, counter]) => {
    const types = typeof type === "number" ? [type] : listed(node.attr[type], fallback);
    if (counter === undefined) return types.map(toDType);
    const n = node.attr[counter]?.value;
    return new Array<DType | undefined>(n?.case === "i" ? Number(n.value) : 0).fill(toDType(types[0] ?? 0));
  });
}

function listed(attr: AttrValue | undefined, fallback = 0): readonly number[] {
  const value = attr?.value;
  if (value?.case === "type") return [value.value];
  return value?.case === "list" ? value.value.type : [fallback];
}

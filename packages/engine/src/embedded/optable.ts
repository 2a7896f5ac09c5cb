import type { NodeDef } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { outputArgs } from "./optable_data.ts";

/** outputIndex turns a function's reference `node:arg:i` into an output number: arguments before it may be lists of tensors. */
export function outputIndex(node: NodeDef, arg: string, index: number): number {
  const args = outputArgs[node.op];
  if (args === undefined) return index; // an op with one output argument, or one we do not know and refuse by name later
  let base = 0;
  for (const [name, counter] of args) {
    if (name === arg) return base + index;
    base += counter === "" ? 1 : countOf(node, counter);
  }
  throw newError(Code.InvalidArgument, `${node.op} ${node.name} has no output ${arg}`);
}

function countOf(node: NodeDef, attr: string): number {
  const value = node.attr[attr]?.value;
  if (value?.case === "i") return Number(value.value);
  if (value?.case === "list") return value.value.type.length;
  return 0; // an empty list is a default that exporters strip
}

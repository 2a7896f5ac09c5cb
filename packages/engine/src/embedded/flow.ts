/** Flow is what a node of v1 control flow does to the values that come to it (control_flow_ops.cc). */
export type Flow = "switch" | "merge" | "enter" | "exit" | "next";

const flows: Readonly<Record<string, Flow>> = {
  Switch: "switch",
  RefSwitch: "switch",
  _SwitchN: "switch",
  Merge: "merge",
  RefMerge: "merge",
  Enter: "enter",
  RefEnter: "enter",
  Exit: "exit",
  RefExit: "exit",
  NextIteration: "next",
  RefNextIteration: "next",
};

/** flowOf gives what an op of v1 control flow does; undefined for all others. */
export function flowOf(op: string): Flow | undefined {
  return flows[op];
}

/** flowOps are the ops of v1 control flow. */
export const flowOps: readonly string[] = [...Object.keys(flows), "LoopCond"];

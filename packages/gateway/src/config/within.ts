import { Code, newError } from "@tfs/std";

/** within throws InvalidArgument, with the name, unless the value lies between the bounds. */
export function within(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw newError(Code.InvalidArgument, `${name} is ${value}; it must be ${least} to ${most}`);
}

import { Code, newError } from "@tfs/std";
import { dtypeName, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { tensorOf, type Value } from "../value.ts";
import { markWeight } from "../weight.ts";

/** first passes a value on as it is: a variable stays a variable. */
export const first: KernelFactory = () => (inputs) => given(inputs[0]);

/** given throws InvalidArgument for a value that is not there, as only a damaged graph has it. */
function given(value: Value | undefined): Value {
  return value ?? tensorOf(value);
}

export const source: Kernels = {
  Const: (node) => {
    const value = node.attrs.tensor("value");
    markWeight(value.data);
    return () => value;
  },
  Placeholder: (node) => {
    const shape = node.attrs.shape("shape");
    const text = shape === undefined ? "" : ` and shape [${shape.map((d) => (d < 0 ? "?" : d)).join(",")}]`;
    const message = `You must feed a value for placeholder tensor '${node.name}' with dtype ${dtypeName(node.attrs.dtype("dtype"))}${text}`;
    return () => {
      throw newError(Code.InvalidArgument, message);
    };
  },
  PlaceholderWithDefault: first,
  _Arg: () => () => {
    throw newError(Code.Internal, "a function's argument was not given");
  },
  NoOp: () => () => [],
  Identity: first,
  RefIdentity: first,
  StopGradient: first,
  PreventGradient: first,
  Snapshot: first,
  IdentityN: () => (inputs) => inputs.map(given),
  EnsureShape: (node) => {
    const want = node.attrs.shape("shape");
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      const fits = want === undefined || (want.length === t.shape.length && want.every((d, i) => d < 0 || d === t.shape[i]));
      if (!fits)
        throw newError(
          Code.InvalidArgument,
          `Shape of tensor ${node.name} [${t.shape.join(",")}] is not compatible with expected shape [${want.map((d) => (d < 0 ? "?" : d)).join(",")}].`,
        );
      return t;
    };
  },
  CheckNumerics: (node) => {
    const text = node.attrs.string("message", "");
    return (inputs) => {
      const t = tensorOf(inputs[0]);
      for (const v of t.data as Float32Array)
        if (!Number.isFinite(v)) throw newError(Code.InvalidArgument, `${text} : Tensor had ${Number.isNaN(v) ? "NaN" : "Inf"} values`);
      return t;
    };
  },
  Assert: () => (inputs) => {
    const [condition, ...data] = inputs.map(tensorOf) as [Tensor, ...Tensor[]];
    if ((condition.data[0] as number) === 0)
      throw newError(
        Code.InvalidArgument,
        `assertion failed: ${data
          .map(
            (t) =>
              `[${Array.from(t.data as ArrayLike<unknown>)
                .slice(0, 3)
                .join(" ")}]`,
          )
          .join(" ")}`,
      );
    return [];
  },
};

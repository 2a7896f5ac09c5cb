import { Code, codeOf, newError } from "@tfs/std";
import { DType, shapeText, type Tensor } from "@tfs/tensor";
import type { Kernel, Kernels } from "../kernel.ts";
import { newRegexp, type Regexp } from "../re2/regexp.ts";
import { newReplace, parseRewrite } from "../re2/replace.ts";
import { maxSteps } from "../re2/steps.ts";
import { maxValueBytes } from "../shape.ts";
import { expectType, tensorOf, type Value } from "../value.ts";

const bytesOf = (t: Tensor): readonly Uint8Array[] => expectType(t, DType.String, "the input").data as readonly Uint8Array[];

function compiled(pattern: Uint8Array): Regexp {
  try {
    return newRegexp(pattern);
  } catch (err) {
    if (codeOf(err) !== Code.InvalidArgument) throw err;
    throw newError(Code.InvalidArgument, `Invalid pattern: ${Buffer.from(pattern)}, error: ${(err as Error).message}`, err);
  }
}

/** scalar reads an input that is one string. */
function scalar(value: Value | undefined, what: string): Uint8Array {
  const t = tensorOf(value);
  if (t.shape.length !== 0) throw newError(Code.InvalidArgument, `${what} must be scalar, but received ${shapeText(t.shape)}`);
  return bytesOf(t)[0]!;
}

/** remembered compiles a pattern that is an input; it keeps the last one, for it mostly is the same. */
function remembered(): (pattern: Uint8Array) => Regexp {
  let last: { readonly pattern: Uint8Array; readonly regexp: Regexp } | undefined;
  return (pattern) => {
    if (last === undefined || Buffer.compare(last.pattern, pattern) !== 0) last = { pattern: pattern.slice(), regexp: compiled(pattern) };
    return last.regexp;
  };
}

function replaced(t: Tensor, regexp: Regexp, rewrite: Uint8Array, global: boolean): Tensor {
  const replace = newReplace(regexp, parseRewrite(rewrite), global);
  const [steps, room] = [{ left: maxSteps }, { left: maxValueBytes }];
  return { dtype: DType.String, shape: t.shape, data: bytesOf(t).map((text) => replace(text, steps, room)) };
}

function matched(t: Tensor, regexp: Regexp): Tensor {
  const steps = { left: maxSteps };
  return { dtype: DType.Bool, shape: t.shape, data: Uint8Array.from(bytesOf(t), (text) => (regexp.matches(text, steps) ? 1 : 0)) };
}

export const regexes: Kernels = {
  StaticRegexReplace: (node): Kernel => {
    const [regexp, rewrite, global] = [compiled(node.attrs.bytes("pattern")), node.attrs.bytes("rewrite"), node.attrs.bool("replace_global", true)];
    return (inputs) => replaced(tensorOf(inputs[0]), regexp, rewrite, global);
  },
  RegexReplace: (node): Kernel => {
    const [regexpOf, global] = [remembered(), node.attrs.bool("replace_global", true)];
    return (inputs) => {
      const [pattern, rewrite] = [scalar(inputs[1], "Pattern"), scalar(inputs[2], "Rewrite")];
      return replaced(tensorOf(inputs[0]), regexpOf(pattern), rewrite, global);
    };
  },
  StaticRegexFullMatch: (node): Kernel => {
    const regexp = compiled(node.attrs.bytes("pattern"));
    return (inputs) => matched(tensorOf(inputs[0]), regexp);
  },
  RegexFullMatch: (): Kernel => {
    const regexpOf = remembered();
    return (inputs) => matched(tensorOf(inputs[0]), regexpOf(scalar(inputs[1], "Pattern")));
  },
};

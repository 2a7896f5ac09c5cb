// Non-maximum suppression: of boxes that overlap, the one with the best score stays (non_max_suppression_op.cc).
import { Code, newError } from "@tfs/std";
import { DType, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels } from "../kernel.ts";
import { int, make } from "../shape.ts";
import { tensorOf } from "../value.ts";
import { integers } from "./array.ts";
import { narrow, widen } from "./math.ts";

/** Bounds say which boxes stay. */
interface Bounds {
  readonly most: number;
  readonly overlap: number;
  readonly score: number;
  /** sigma makes scores smaller instead of taking boxes away; 0 does not. */
  readonly sigma: number;
}

interface Kept {
  readonly box: number;
  readonly score: number;
}

const f = Math.fround;

/** overlapOf is the intersection of two boxes by their union. */
function overlapOf(boxes: Float32Array): (i: number, j: number) => number {
  const side = (i: number, k: 0 | 1, high: boolean): number => {
    const [a, b] = [boxes[4 * i + k]!, boxes[4 * i + k + 2]!];
    return high ? Math.max(a, b) : Math.min(a, b);
  };
  const area = (i: number): number => f(f(side(i, 0, true) - side(i, 0, false)) * f(side(i, 1, true) - side(i, 1, false)));
  return (i, j) => {
    const [first, second] = [area(i), area(j)];
    if (first <= 0 || second <= 0) return 0;
    const length = (k: 0 | 1): number => Math.max(f(Math.min(side(i, k, true), side(j, k, true)) - Math.max(side(i, k, false), side(j, k, false))), 0);
    const common = f(length(0) * length(1));
    return f(common / f(f(first + second) - common));
  };
}

/** suppressed picks boxes by score; each new one is compared with those that stay, the last first. */
function suppressed(scores: ArrayLike<number>, overlap: (i: number, j: number) => number, { most, overlap: limit, score: least, sigma }: Bounds): Kept[] {
  const soft = sigma > 0;
  const scale = soft ? f(f(-0.5) / sigma) : 0;
  const waiting: { box: number; score: number; seen: number }[] = [];
  for (let i = 0; i < scores.length; i++) if (scores[i]! > least) waiting.push({ box: i, score: scores[i]!, seen: 0 });
  const before = (a: { box: number; score: number }, b: { box: number; score: number }): number => b.score - a.score || a.box - b.box;
  waiting.sort(before);
  const kept: Kept[] = [];
  while (kept.length < most && waiting.length > 0) {
    const next = waiting.shift()!;
    const score = next.score;
    let gone = false;
    for (let j = kept.length - 1; j >= next.seen && !gone; j--) {
      const shared = overlap(next.box, kept[j]!.box);
      if (soft) next.score = f(next.score * f(Math.exp(f(f(scale * shared) * shared))));
      else if (shared > limit) gone = true;
      if (next.score <= least) break;
    }
    next.seen = kept.length;
    if (gone) continue;
    if (next.score === score) kept.push({ box: next.box, score });
    else if (next.score > least) {
      const at = waiting.findIndex((w) => before(next, w) < 0);
      waiting.splice(at < 0 ? waiting.length : at, 0, next);
    }
  }
  return kept;
}

function boxesOf(t: Tensor, scores: Tensor): Float32Array {
  if (t.shape.length !== 2 || t.shape[1] !== 4) throw newError(Code.InvalidArgument, `boxes must have 4 columns, got ${shapeText(t.shape)}`);
  if (scores.shape.length !== 1 || scores.shape[0] !== t.shape[0])
    throw newError(Code.InvalidArgument, `scores has incompatible shape ${shapeText(scores.shape)} for boxes of ${shapeText(t.shape)}`);
  return widen(t) as Float32Array;
}

function boundsOf(most: number, overlap: number, score: number, sigma: number): Bounds {
  if (most < 0) throw newError(Code.InvalidArgument, "max_output_size must be non-negative");
  if (!(overlap >= 0 && overlap <= 1)) throw newError(Code.InvalidArgument, "iou_threshold must be in [0, 1]");
  if (!(sigma >= 0)) throw newError(Code.InvalidArgument, "soft_nms_sigma must be non-negative");
  return { most, overlap, score, sigma };
}

const scalar = (t: Tensor): number => (widen(t) as Float32Array)[0]!;
const lowest = Number.NEGATIVE_INFINITY;

/** padded fills indices up to a length with zeros. */
function padded(kept: readonly Kept[], length: number): Tensor {
  const boxes = kept.map((k) => k.box);
  return integers(DType.Int32, [Math.max(length, boxes.length)], [...boxes, ...new Array<number>(Math.max(0, length - boxes.length)).fill(0)]);
}

/** plain is the op in its first four versions; what it has of thresholds comes as attribute or input. */
function plain(version: 1 | 2 | 3 | 4): KernelFactory {
  return (node) => {
    const fixed = version === 1 ? node.attrs.float("iou_threshold", 0.5) : 0;
    const fill = version === 4 && node.attrs.bool("pad_to_max_output_size", false);
    return (inputs) => {
      const [t, scores, most] = [tensorOf(inputs[0]), tensorOf(inputs[1]), int(tensorOf(inputs[2]))];
      const bounds = boundsOf(most, version === 1 ? fixed : scalar(tensorOf(inputs[3])), version > 2 ? scalar(tensorOf(inputs[4])) : lowest, 0);
      const kept = suppressed(widen(scores) as Float32Array, overlapOf(boxesOf(t, scores)), bounds);
      const indices = padded(kept, fill ? most : 0);
      return version === 4 ? [indices, integers(DType.Int32, [], [kept.length])] : indices;
    };
  };
}

const soft: KernelFactory = (node) => {
  const fill = node.attrs.bool("pad_to_max_output_size", false);
  return (inputs) => {
    const [t, scores, most] = [tensorOf(inputs[0]), tensorOf(inputs[1]), int(tensorOf(inputs[2]))];
    const [overlap, score, sigma] = inputs.slice(3).map((v) => scalar(tensorOf(v))) as [number, number, number];
    const kept = suppressed(widen(scores) as Float32Array, overlapOf(boxesOf(t, scores)), boundsOf(most, overlap, score, sigma));
    const length = fill ? Math.max(most, kept.length) : kept.length;
    const values = Float32Array.from({ length }, (_, i) => kept[i]?.score ?? 0);
    return [padded(kept, length), narrow(t.dtype, [length], values), integers(DType.Int32, [], [kept.length])];
  };
};

/** byOverlaps is given how much boxes overlap. */
const byOverlaps: KernelFactory = () => (inputs) => {
  const [t, scores, most] = [tensorOf(inputs[0]), tensorOf(inputs[1]), int(tensorOf(inputs[2]))];
  const [overlap, score] = [scalar(tensorOf(inputs[3])), scalar(tensorOf(inputs[4]))];
  const n = t.shape[0] ?? 0;
  if (t.shape.length !== 2 || t.shape[1] !== n) throw newError(Code.InvalidArgument, `overlaps must be square, got ${shapeText(t.shape)}`);
  const data = t.data as Float32Array;
  const kept = suppressed(scores.data as Float32Array, (i, j) => data[i * n + j]!, { most, overlap, score, sigma: 0 });
  return padded(kept, 0);
};

/** combined does it for every class of every image, and keeps the best of all. */
const combined: KernelFactory = (node) => {
  const [perClass, clip] = [node.attrs.bool("pad_per_class", false), node.attrs.bool("clip_boxes", true)];
  return (inputs) => {
    const [t, scores] = [tensorOf(inputs[0]), tensorOf(inputs[1])];
    const [each, total, overlap, least] = [int(tensorOf(inputs[2])), int(tensorOf(inputs[3])), scalar(tensorOf(inputs[4])), scalar(tensorOf(inputs[5]))];
    if (t.shape.length !== 4 || scores.shape.length !== 3)
      throw newError(Code.InvalidArgument, `boxes must be 4-D and scores must be 3-D, got ${shapeText(t.shape)} and ${shapeText(scores.shape)}`);
    const [images, boxes, own] = t.shape as [number, number, number];
    const classes = scores.shape[2]!;
    if (own !== 1 && own !== classes) throw newError(Code.InvalidArgument, `third dimension of boxes must be either 1 or num classes`);
    const length = perClass ? Math.min(total, each * classes) : total;
    const outBoxes = make(DType.Float, [images, length, 4]);
    const [outScores, outClasses, counts] = [make(DType.Float, [images, length]), make(DType.Float, [images, length]), make(DType.Int32, [images])];
    const [from, points] = [t.data as Float32Array, scores.data as Float32Array];
    for (let image = 0; image < images; image++) {
      const found: { box: number; cls: number; score: number }[] = [];
      for (let cls = 0; cls < classes; cls++) {
        const q = own === 1 ? 0 : cls;
        const mine = Float32Array.from({ length: boxes * 4 }, (_, i) => from[((image * boxes + (i >> 2)) * own + q) * 4 + (i & 3)]!);
        const score = Float32Array.from({ length: boxes }, (_, i) => points[(image * boxes + i) * classes + cls]!);
        for (const k of suppressed(score, overlapOf(mine), { most: Math.min(each, boxes), overlap, score: least, sigma: 0 }))
          found.push({ box: k.box, cls, score: k.score });
      }
      found.sort((a, b) => b.score - a.score || a.cls - b.cls);
      const kept = found.slice(0, length);
      (counts.data as Int32Array)[image] = kept.length;
      kept.forEach(({ box, cls, score }, i) => {
        const q = own === 1 ? 0 : cls;
        for (let k = 0; k < 4; k++) {
          const v = from[((image * boxes + box) * own + q) * 4 + k]!;
          (outBoxes.data as Float32Array)[(image * length + i) * 4 + k] = clip ? Math.max(0, Math.min(1, v)) : v;
        }
        (outScores.data as Float32Array)[image * length + i] = score;
        (outClasses.data as Float32Array)[image * length + i] = cls;
      });
    }
    return [outBoxes, outScores, outClasses, counts];
  };
};

export const suppressions: Kernels = {
  NonMaxSuppression: plain(1),
  NonMaxSuppressionV2: plain(2),
  NonMaxSuppressionV3: plain(3),
  NonMaxSuppressionV4: plain(4),
  NonMaxSuppressionV5: soft,
  NonMaxSuppressionWithOverlaps: byOverlaps,
  CombinedNonMaxSuppression: combined,
};

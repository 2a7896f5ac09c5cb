import type { TensorInfo } from "@tfs/proto";
import { type Ctx, isFailure, throwIfDone } from "@tfs/std";
import { allocate, DType, elementCount, fromStrings, type Tensor, toDType } from "@tfs/tensor";
import { type Edge, type FlatNode, type Model, newAttrs, keyOf } from "../embedded/index.ts";

export interface ShapesOptions {
  /** feeds are the signature's inputs. */
  readonly feeds: readonly TensorInfo[];
  /** before are values that the host computes from them. */
  readonly before: readonly Edge[];
}

/** A size that the signature leaves open is this in the trial: 1 would be squeezed away. */
const trialSize = 2;
/** A trial with more elements than this is not made. */
const maxElements = 2 ** 24;

/**
 * shapesOf gives the shapes of feeds, as the signature has them, and of what the host computes before, with -1 for what is not known. What an
 * Example is parsed to is declared; of other values only the rank is learned, by computing them once from zeros and empty strings. A value whose
 * rank cannot be learned so is left out.
 */
export async function shapesOf(ctx: Ctx, model: Model, { feeds, before }: ShapesOptions): Promise<ReadonlyMap<string, readonly number[]>> {
  const { flat, program } = model.compiler;
  const shapes = new Map<string, readonly number[]>();
  const edges: Edge[] = [];
  const values: Tensor[] = [];
  for (const info of feeds) {
    const edge = info.encoding.case === "name" ? flat.tensor(info.encoding.value) : undefined;
    const dtype = toDType(info.dtype);
    const shape = info.tensorShape;
    if (edge === undefined || dtype === undefined || shape === undefined || shape.unknownRank) continue;
    const sizes = shape.dim.map(({ size }) => Number(size));
    shapes.set(keyOf(edge), sizes);
    const given = sizes.map((size) => (size < 0 ? trialSize : size));
    if (elementCount(given) > maxElements) continue;
    edges.push(edge);
    values.push(dtype === DType.String ? fromStrings(new Array<string>(elementCount(given)).fill(""), given) : allocate(dtype, given));
  }
  const open = before.filter((edge) => {
    const declared = parsed(flat.nodes[edge.node]!, edge.output);
    if (declared !== undefined) shapes.set(keyOf(edge), declared);
    return declared === undefined;
  });
  if (open.length === 0) return shapes;
  try {
    const computed = await model.perform(ctx, program(edges, open, []), values);
    for (const [i, edge] of open.entries()) shapes.set(keyOf(edge), new Array<number>(computed[i]!.shape.length).fill(-1));
  } catch (err) {
    throwIfDone(ctx);
    if (!isFailure(err)) throw err;
  }
  return shapes;
}

/** parsed gives the shape that an Example's dense feature is declared to have, a row for each Example. */
function parsed(node: FlatNode, output: number): readonly number[] | undefined {
  const counter = { ParseExample: "Nsparse", ParseExampleV2: "num_sparse" }[node.op];
  if (counter === undefined) return undefined;
  const attrs = newAttrs(node.name, node.attr);
  const shape = attrs.shapes("dense_shapes")[output - 3 * attrs.int(counter, 0)];
  return shape === undefined ? undefined : [-1, ...shape];
}

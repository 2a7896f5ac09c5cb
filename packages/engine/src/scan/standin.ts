import { isFailure } from "@tfs/std";
import { allocate, DType, type Tensor } from "@tfs/tensor";
import type { Attrs } from "../embedded/index.ts";
import { filled, openSize } from "./madeup.ts";

/** A picture that is decoded has this height and width. */
const side = 224;

/** StandIn is what an op gives of strings that are more than text, where the made-up ones are not such, and what is assumed by that. */
interface StandIn {
  readonly assumed: string;
  give(attrs: Attrs, strings: Tensor): readonly (Tensor | undefined)[];
}

const picture: StandIn = {
  assumed: `pictures are of ${side} × ${side}`,
  give: (attrs) => [allocate(attrs.dtype("dtype", DType.UInt8), [side, side, attrs.int("channels", 0) || 3])],
};

/** Each feature of an example has as many values as its shape says, and one where it does not say. */
const example: StandIn = {
  assumed: `examples have all features, of one value, or ${openSize} steps, where their number is open`,
  give(attrs, { shape: batch }) {
    const rows = batch[0] ?? 1;
    const longs = (shape: readonly number[], of: (i: number) => number): Tensor => {
      const t = allocate(DType.Int64, shape);
      (t.data as BigInt64Array).forEach((_, i, data) => void (data[i] = BigInt(of(i))));
      return t;
    };
    const [sparse, ragged] = [attrs.dtypes("sparse_types"), attrs.dtypes("ragged_value_types")];
    const rank = batch.length + 1;
    const row = (i: number): number => (rank === 2 && i % 2 === 0 ? i / 2 : 0);
    const splits = attrs.dtypes("ragged_split_types");
    return [
      ...sparse.map(() => longs([rows, rank], row)),
      ...sparse.map((dtype) => filled(dtype, [rows])),
      ...sparse.map(() => longs([rank], (i) => (rank === 2 && i === 0 ? rows : 1))),
      ...attrs.dtypes("Tdense").map((dtype, i) =>
        filled(
          dtype,
          [...batch, ...(attrs.shapes("dense_shapes")[i] ?? [])].map((size) => (size < 0 ? openSize : size)),
        ),
      ),
      ...ragged.map((dtype) => filled(dtype, [rows])),
      ...splits.map((dtype) => {
        const t = longs([rows + 1], (i) => i);
        return dtype === DType.Int64 ? t : { ...t, dtype, data: Int32Array.from(t.data as BigInt64Array, Number) };
      }),
    ];
  },
};

const standIns: Readonly<Record<string, StandIn>> = {
  DecodeBmp: picture,
  DecodeImage: picture,
  DecodeJpeg: picture,
  DecodePng: picture,
  ParseExample: example,
  ParseExampleV2: example,
  ParseSingleExample: example,
  DecodeBase64: { assumed: "base64 stands for as many bytes", give: (_, strings) => [strings] },
  StringToNumber: { assumed: "texts are numbers where numbers are read", give: (attrs, { shape }) => [filled(attrs.dtype("out_type", DType.Float), shape)] },
};

/** standIn gives what an op would give of strings that it understands, if there is such a thing; `err` is how it failed. */
export function standIn(
  op: string,
  attrs: Attrs,
  strings: Tensor | undefined,
  err: unknown,
): { readonly assumed: string; readonly values: Tensor[] } | undefined {
  const found = standIns[op];
  if (found === undefined || strings?.dtype !== DType.String || !isFailure(err)) return undefined;
  const values = found.give(attrs, strings);
  return values.every((t) => t !== undefined) ? { assumed: found.assumed, values: values as Tensor[] } : undefined;
}

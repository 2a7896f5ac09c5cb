// Files of pictures to tensors (tensorflow/core/kernels/image/decode_image_op.cc).
import { Code, newError } from "@tfs/std";
import { DType, shapeText, type Tensor } from "@tfs/tensor";
import type { KernelFactory, Kernels, Node } from "../kernel.ts";
import { isBmp, isJpeg, isPng, type Picture, readBmp, readJpeg, readPng, withChannels } from "../pictures/index.ts";
import { make } from "../shape.ts";
import { expectType, tensorOf } from "../value.ts";

/** Wish is what an op asks of a picture. */
interface Wish {
  readonly channels: number;
  readonly dtype: DType;
  readonly smooth: boolean;
  readonly accurate: boolean;
}

function wishOf(node: Node): Wish {
  const channels = node.attrs.int("channels", 0);
  if (![0, 1, 3, 4].includes(channels)) throw newError(Code.InvalidArgument, `channels must be 0, 1, 3 or 4, got ${channels}`);
  if (node.attrs.int("ratio", 1) !== 1) throw newError(Code.Unimplemented, `${node.op} ${node.name}: a ratio other than 1 is not supported`);
  return {
    channels,
    dtype: node.attrs.dtype("dtype", DType.UInt8),
    smooth: node.attrs.bool("fancy_upscaling", true),
    accurate: node.attrs.string("dct_method", "") === "INTEGER_ACCURATE",
  };
}

/** decoded reads whichever kind of file it is: TensorFlow's ops for PNG and JPEG do so too. */
function decoded(bytes: Uint8Array, { channels, dtype, smooth, accurate }: Wish): Picture {
  if (isPng(bytes)) return withChannels(readPng(bytes, dtype !== DType.UInt8), channels);
  if (isJpeg(bytes)) {
    if (channels === 4) throw newError(Code.InvalidArgument, "channels must be 0, 1, or 3 for JPEG, got 4");
    return withChannels(readJpeg(bytes, { smooth, accurate, grey: channels === 1 }), channels);
  }
  if (isBmp(bytes)) {
    const picture = readBmp(bytes);
    if (channels !== 0 && channels !== picture.channels)
      throw newError(Code.InvalidArgument, `channels attribute ${channels} does not match bits per pixel from file ${picture.channels}`);
    return picture;
  }
  if (String.fromCharCode(...bytes.subarray(0, 4)) === "GIF8") throw newError(Code.Unimplemented, "GIF is not supported");
  throw newError(Code.InvalidArgument, "Unknown image file format. One of JPEG, PNG, GIF, BMP required.");
}

function tensorOfPicture({ width, height, channels, samples }: Picture, dtype: DType): Tensor {
  const out = make(dtype, [height, width, channels]);
  const to = out.data as Float32Array;
  const deep = samples instanceof Uint16Array;
  const scale = dtype === DType.Float ? 1 / (deep ? 65535 : 255) : dtype === DType.UInt16 && !deep ? 256 : 1;
  for (let i = 0; i < samples.length; i++) to[i] = dtype === DType.Float ? Math.fround(samples[i]!) * Math.fround(scale) : samples[i]! * scale;
  return out;
}

function file(t: Tensor): Uint8Array {
  if (t.shape.length !== 0) throw newError(Code.InvalidArgument, `contents must be scalar but got shape ${shapeText(t.shape)}`);
  return (expectType(t, DType.String, "contents").data as readonly Uint8Array[])[0]!;
}

const decode: KernelFactory = (node) => {
  const wish = wishOf(node);
  if (wish.dtype !== DType.UInt8 && wish.dtype !== DType.UInt16 && wish.dtype !== DType.Float)
    throw newError(Code.InvalidArgument, `the type of the output must be uint8, uint16 or float`);
  return (inputs) => tensorOfPicture(decoded(file(tensorOf(inputs[0])), wish), wish.dtype);
};

export const decoders: Kernels = { DecodeImage: decode, DecodePng: decode, DecodeJpeg: decode, DecodeBmp: decode };

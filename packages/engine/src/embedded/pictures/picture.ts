import { Code, newError } from "@tfs/std";

/** Picture is pixels as a file has them: samples of 8 or 16 bits, one to four for each pixel (grey, grey and alpha, RGB, RGB and alpha). */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly samples: Uint8Array | Uint16Array;
  /** opaque is what alpha becomes where there is none; the greatest sample if it is not told. */
  readonly opaque?: number;
}

/** A picture of more pixels is refused: its file may be tiny. TensorFlow's own bound on PNG and JPEG. */
export const maxPixels: number = 2 ** 27;

/** checkSize throws InvalidArgument for a picture without pixels, or with too many. */
export function checkSize(kind: string, width: number, height: number): void {
  if (!(width > 0 && height > 0)) throw newError(Code.InvalidArgument, `${kind} size is not positive: ${width} x ${height}`);
  if (width * height > maxPixels) throw newError(Code.InvalidArgument, `${kind} size too large: ${width} by ${height}`);
}

/** withChannels gives the samples with as many channels as are asked for, 0 for those that there are: alpha is dropped or full, colours become grey as libpng does it. */
export function withChannels({ width, height, channels, samples, opaque }: Picture, want: number): Picture {
  if (want === 0 || want === channels) return { width, height, channels, samples };
  const n = width * height;
  const out = samples instanceof Uint16Array ? new Uint16Array(n * want) : new Uint8Array(n * want);
  const full = opaque ?? (samples instanceof Uint16Array ? 65535 : 255);
  const [colour, alpha] = [channels >= 3, channels === 2 || channels === 4];
  for (let i = 0; i < n; i++) {
    const from = i * channels;
    const [r, g, b] = colour ? [samples[from]!, samples[from + 1]!, samples[from + 2]!] : [samples[from]!, samples[from]!, samples[from]!];
    const to = i * want;
    if (want >= 3) {
      out[to] = r;
      out[to + 1] = g;
      out[to + 2] = b;
    } else {
      out[to] = colour ? grey(r, g, b) : r;
    }
    if (want === 2 || want === 4) out[to + want - 1] = alpha ? samples[from + channels - 1]! : full;
  }
  return { width, height, channels: want as 1 | 2 | 3 | 4, samples: out };
}

/** grey weighs colours as libpng does where a file has no gamma (png_set_rgb_to_gray's defaults). */
function grey(r: number, g: number, b: number): number {
  return r === g && r === b ? r : (6968 * r + 23434 * g + 2366 * b) >> 15;
}

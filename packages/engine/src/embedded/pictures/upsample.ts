// Planes of fewer samples made as large as the picture, as libjpeg-turbo does it: by triangles for twice the width or height (jdsample.c), else by repeating.

/** Plane is samples of one component: the first `width` of each `stride`. */
export interface Plane {
  readonly data: Uint8Array;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/** upsampled gives a plane of at least `width` by `height`; `across` and `down` say how many samples one becomes. */
export function upsampled(plane: Plane, across: number, down: number, width: number, height: number, smooth: boolean): Plane {
  if (across === 1 && down === 1) return plane;
  if (smooth && across === 2 && down === 1 && plane.width > 2) return wider(plane);
  if (smooth && across === 1 && down === 2) return higher(plane);
  if (smooth && across === 2 && down === 2 && plane.width > 2) return larger(plane);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.min(plane.height - 1, Math.floor(y / down)) * plane.stride;
    for (let x = 0; x < width; x++) data[y * width + x] = plane.data[row + Math.min(plane.width - 1, Math.floor(x / across))]!;
  }
  return { data, stride: width, width, height };
}

function wider({ data, stride, width, height }: Plane): Plane {
  const out = new Uint8Array(2 * width * height);
  for (let y = 0; y < height; y++) {
    const [from, to] = [y * stride, y * 2 * width];
    for (let x = 0; x < width; x++) {
      const v = 3 * data[from + x]!;
      out[to + 2 * x] = x === 0 ? data[from]! : (v + data[from + x - 1]! + 1) >> 2;
      out[to + 2 * x + 1] = x === width - 1 ? data[from + x]! : (v + data[from + x + 1]! + 2) >> 2;
    }
  }
  return { data: out, stride: 2 * width, width: 2 * width, height };
}

/** nearRow is the row above or below; past the edge it is the edge. */
const nearRow = (y: number, lower: boolean, height: number): number => Math.min(height - 1, Math.max(0, lower ? y + 1 : y - 1));

function higher({ data, stride, width, height }: Plane): Plane {
  const out = new Uint8Array(width * 2 * height);
  for (let y = 0; y < 2 * height; y++) {
    const lower = y % 2 === 1;
    const [row, near] = [(y >> 1) * stride, nearRow(y >> 1, lower, height) * stride];
    for (let x = 0; x < width; x++) out[y * width + x] = (3 * data[row + x]! + data[near + x]! + (lower ? 2 : 1)) >> 2;
  }
  return { data: out, stride: width, width, height: 2 * height };
}

function larger({ data, stride, width, height }: Plane): Plane {
  const out = new Uint8Array(4 * width * height);
  for (let y = 0; y < 2 * height; y++) {
    const [row, near, to] = [(y >> 1) * stride, nearRow(y >> 1, y % 2 === 1, height) * stride, y * 2 * width];
    const sum = (x: number): number => 3 * data[row + x]! + data[near + x]!;
    for (let x = 0; x < width; x++) {
      const v = sum(x);
      out[to + 2 * x] = x === 0 ? (4 * v + 8) >> 4 : (3 * v + sum(x - 1) + 8) >> 4;
      out[to + 2 * x + 1] = x === width - 1 ? (4 * v + 7) >> 4 : (3 * v + sum(x + 1) + 7) >> 4;
    }
  }
  return { data: out, stride: 2 * width, width: 2 * width, height: 2 * height };
}

// PNG (RFC 2083 and the W3C's Recommendation): every colour type, depth and interlacing; compressed data by Node's zlib.
import { inflateSync } from "node:zlib";
import { Code, newError } from "@tfs/std";
import { checkSize, type Picture } from "./picture.ts";

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((b, i) => bytes[i] === b);
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
}

/** Samples of a pixel by colour type. */
const samplesOf: { readonly [colour: number]: 1 | 2 | 3 | 4 } = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: { readonly [colour: number]: readonly number[] } = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

const bad = (why: string, cause?: unknown) => newError(Code.InvalidArgument, `Invalid PNG. ${why}`, cause);

/** readPng decodes a file. Samples have 16 bits if `deep`, else 8: of deeper ones the upper half. Throws InvalidArgument. */
export function readPng(bytes: Uint8Array, deep: boolean): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  let transparent: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw bad("The file ends within a chunk.");
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + length > bytes.length) throw bad("The file ends within a chunk.");
    const body = bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (kind === "IHDR") header = headerOf(body);
    else if (kind === "PLTE") palette = body;
    else if (kind === "tRNS") transparent = body;
    else if (kind === "IDAT") data.push(body);
    else if (kind === "IEND") break;
  }
  if (header === undefined) throw bad("There is no header.");
  const { width, height, depth, colour } = header;
  const each = samplesOf[colour]!;
  const passes = passesOf(header);
  const size = passes.reduce((sum, p) => sum + (p.width > 0 ? p.height * (1 + lineBytes(p.width, each, depth)) : 0), 0);
  const lines = inflated(data, size);
  const samples = new Uint16Array(width * height * each);
  let at = 0;
  for (const pass of passes) {
    if (pass.width === 0 || pass.height === 0) continue;
    at = readPass(lines, at, pass, header, each, samples);
  }
  return coloured(header, samples, palette, transparent, deep);
}

function headerOf(body: Uint8Array): Header {
  if (body.length !== 13) throw bad("The header has another length.");
  const view = new DataView(body.buffer, body.byteOffset, 13);
  const [width, height, depth, colour] = [view.getUint32(0), view.getUint32(4), body[8]!, body[9]!];
  checkSize("PNG", width, height);
  if (depthsOf[colour]?.includes(depth) !== true || body[10] !== 0 || body[11] !== 0 || body[12]! > 1) throw bad("The header asks for what there is not.");
  return { width, height, depth, colour, interlaced: body[12] === 1 };
}

function inflated(data: readonly Uint8Array[], size: number): Uint8Array {
  let out: Uint8Array;
  try {
    out = inflateSync(Buffer.concat(data), { maxOutputLength: size + 1024 });
  } catch (err) {
    throw bad("The data cannot be decompressed.", err);
  }
  if (out.length < size) throw bad("There are too few data.");
  return out;
}

/** Pass is a part of the pixels: each `stepX`th from `x` on in each `stepY`th row. */
interface Pass {
  readonly x: number;
  readonly y: number;
  readonly stepX: number;
  readonly stepY: number;
  readonly width: number;
  readonly height: number;
}

/** Where the seven passes begin, and their steps (Adam7). */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function passesOf({ width, height, interlaced }: Header): readonly Pass[] {
  const all = interlaced ? adam7 : ([[0, 0, 1, 1]] as const);
  return all.map(([x, y, stepX, stepY]) => ({
    x,
    y,
    stepX,
    stepY,
    width: Math.max(0, Math.ceil((width - x) / stepX)),
    height: Math.max(0, Math.ceil((height - y) / stepY)),
  }));
}

const lineBytes = (width: number, each: number, depth: number): number => Math.ceil((width * each * depth) / 8);

/** readPass takes the filters off its lines in place, and puts samples where they belong. It gives where the next pass begins. */
function readPass(lines: Uint8Array, start: number, pass: Pass, { width, depth }: Header, each: number, out: Uint16Array): number {
  const length = lineBytes(pass.width, each, depth);
  const back = Math.max(1, (each * depth) >> 3);
  let before: Uint8Array = new Uint8Array(length);
  let at = start;
  for (let row = 0; row < pass.height; row++) {
    const filter = lines[at]!;
    const line = lines.subarray(at + 1, at + 1 + length);
    unfilter(filter, line, before, back);
    for (let i = 0; i < pass.width * each; i++) {
      const column = pass.x + Math.floor(i / each) * pass.stepX;
      out[((pass.y + row * pass.stepY) * width + column) * each + (i % each)] = sample(line, i, depth);
    }
    before = line;
    at += 1 + length;
  }
  return at;
}

function sample(line: Uint8Array, i: number, depth: number): number {
  if (depth === 8) return line[i]!;
  if (depth === 16) return (line[2 * i]! << 8) | line[2 * i + 1]!;
  const bit = i * depth;
  return (line[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function unfilter(filter: number, line: Uint8Array, before: Uint8Array, back: number): void {
  if (filter === 0) return;
  if (filter > 4) throw bad(`There is no filter ${filter}.`);
  for (let i = 0; i < line.length; i++) {
    const a = i < back ? 0 : line[i - back]!;
    const b = before[i]!;
    const c = i < back ? 0 : before[i - back]!;
    line[i] = line[i]! + (filter === 1 ? a : filter === 2 ? b : filter === 3 ? (a + b) >> 1 : paeth(a, b, c));
  }
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** coloured looks colours up, spreads shallow greys, and adds alpha where the palette has it. */
function coloured(
  { width, height, depth, colour }: Header,
  samples: Uint16Array,
  palette: Uint8Array | undefined,
  transparent: Uint8Array | undefined,
  deep: boolean,
): Picture {
  const n = width * height;
  const each = samplesOf[colour]!;
  const alpha = transparent !== undefined && colour === 3 ? 1 : 0;
  const channels = ((colour === 3 ? 3 : each) + alpha) as 1 | 2 | 3 | 4;
  const out = deep ? new Uint16Array(n * channels) : new Uint8Array(n * channels);
  const shallow = (v: number): number => (depth < 8 ? Math.round((v * 255) / (2 ** depth - 1)) : v);
  const put = (v: number, bits: number): number => (deep ? (bits === 16 ? v : v * 257) : bits === 16 ? v >> 8 : v);
  const bits = depth === 16 ? 16 : 8;
  for (let i = 0; i < n; i++) {
    const to = i * channels;
    if (colour === 3) {
      const index = samples[i]!;
      if (palette === undefined || 3 * index + 2 >= palette.length) throw bad(`There is no colour ${index} in the palette.`);
      for (let k = 0; k < 3; k++) out[to + k] = put(palette[3 * index + k]!, 8);
      if (alpha === 1) out[to + 3] = put(transparent![index] ?? 255, 8);
      continue;
    }
    for (let k = 0; k < each; k++) out[to + k] = put(shallow(samples[i * each + k]!), bits);
  }
  // libpng fills shallow pictures with the greatest number that their own samples have.
  return { width, height, channels, samples: out, ...(!deep && depth < 8 && { opaque: 2 ** depth - 1 }) };
}

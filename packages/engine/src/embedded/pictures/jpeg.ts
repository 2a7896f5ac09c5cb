// JPEG: baseline, extended and progressive, 8 bits, grey or of three colours. Samples are to the last bit those of libjpeg-turbo, by which TensorFlow reads.
import { Code, newError } from "@tfs/std";
import { badJpeg, type Huffman, newBits, newHuffman } from "./bits.ts";
import { inverseFast, scaledQuants } from "./fast.ts";
import { inverse } from "./idct.ts";
import { checkSize, type Picture } from "./picture.ts";
import { type Component, type Part, readScan, zigzag } from "./scan.ts";
import { type Plane, upsampled } from "./upsample.ts";

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly progressive: boolean;
  readonly components: readonly Component[];
  readonly across: number;
  readonly down: number;
  readonly mcuColumns: number;
  readonly mcuRows: number;
}

/** Ways to decode. */
export interface Ways {
  /** smooth makes larger what has fewer samples by triangles, as is usual. */
  readonly smooth: boolean;
  /** accurate: by the slow transform, which rounds. */
  readonly accurate: boolean;
  /** grey gives the light alone. */
  readonly grey: boolean;
}

/** readJpeg decodes a file. Throws InvalidArgument, Unimplemented for what is rare. */
export function readJpeg(bytes: Uint8Array, ways: Ways): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const quants: (Int32Array | undefined)[] = [];
  const [dc, ac]: [(Huffman | undefined)[], (Huffman | undefined)[]] = [[], []];
  let frame: Frame | undefined;
  let [every, jfif] = [0, false];
  let adobe: number | undefined;
  let scans = 0;
  for (let at = 2; at < bytes.length; ) {
    if (bytes[at] !== 0xff) {
      at++; // rubble between segments is passed over
      continue;
    }
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    at += 2;
    if (marker === 0xd9) break;
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    if (at + 2 > bytes.length) throw badJpeg("the file ends within a segment");
    const length = view.getUint16(at);
    if (length < 2 || at + length > bytes.length) throw badJpeg("the file ends within a segment");
    const body = bytes.subarray(at + 2, at + length);
    at += length;
    if (marker === 0xdb) readQuants(body, quants);
    else if (marker === 0xc4) readTables(body, dc, ac);
    else if (marker === 0xdd) every = ((body[0] ?? 0) << 8) | (body[1] ?? 0);
    else if (marker === 0xe0 && text(body, 4) === "JFIF") jfif = true;
    else if (marker === 0xee && text(body, 5) === "Adobe") adobe = body[11];
    else if (marker === 0xc0 || marker === 0xc1 || marker === 0xc2) {
      if (frame !== undefined) throw badJpeg("there are two frames");
      frame = frameOf(body, marker === 0xc2);
    } else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc)
      throw newError(Code.Unimplemented, "JPEG with arithmetic codes, without loss or in layers is not supported");
    else if (marker === 0xda) {
      if (frame === undefined) throw badJpeg("a scan comes before its frame");
      if (++scans > 1000) throw badJpeg("there are too many scans");
      const { parts, band } = scanOf(body, frame, { dc, ac, quants });
      const bits = newBits(bytes, at);
      readScan(bits, { parts, band, progressive: frame.progressive, every, mcuColumns: frame.mcuColumns, mcuRows: frame.mcuRows });
      at = bits.end();
    }
  }
  if (frame === undefined || scans === 0) throw badJpeg("there is no picture in it");
  const ids = String.fromCharCode(...frame.components.map((c) => c.id));
  const rgb = frame.components.length === 3 && !jfif && (adobe === 0 || (adobe === undefined && ids === "RGB"));
  if (ways.grey && rgb) throw newError(Code.Unimplemented, "JPEG of red, green and blue as grey is not supported");
  return painted(ways.grey ? { ...frame, components: frame.components.slice(0, 1) } : frame, rgb, ways);
}

const text = (body: Uint8Array, n: number): string => String.fromCharCode(...body.subarray(0, n));

function readQuants(body: Uint8Array, quants: (Int32Array | undefined)[]): void {
  for (let at = 0; at < body.length; ) {
    const [wide, which] = [body[at]! >> 4, body[at]! & 15];
    at++;
    const table = new Int32Array(64);
    for (let k = 0; k < 64; k++, at += wide > 0 ? 2 : 1) table[zigzag[k]!] = wide > 0 ? ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0) : (body[at] ?? 0);
    if (which > 3 || at > body.length) throw badJpeg("a table of quants is broken");
    quants[which] = table;
  }
}

function readTables(body: Uint8Array, dc: (Huffman | undefined)[], ac: (Huffman | undefined)[]): void {
  for (let at = 0; at < body.length; ) {
    const [kind, which] = [body[at]! >> 4, body[at]! & 15];
    const count = body.subarray(at + 1, at + 17);
    const total = count.reduce((a, b) => a + b, 0);
    if (count.length < 16 || kind > 1 || which > 3 || total > 256 || at + 17 + total > body.length) throw badJpeg("a table of codes is broken");
    (kind === 0 ? dc : ac)[which] = newHuffman(count, body.subarray(at + 17, at + 17 + total));
    at += 17 + total;
  }
}

function frameOf(body: Uint8Array, progressive: boolean): Frame {
  const n = body[5] ?? 0;
  if (body.length < 6 + 3 * n) throw badJpeg("the frame is broken");
  if (body[0] !== 8) throw newError(Code.Unimplemented, `JPEG with samples of ${body[0]} bits is not supported`);
  if (n !== 1 && n !== 3) throw newError(Code.Unimplemented, `JPEG with ${n} components is not supported`);
  const [height, width] = [(body[1]! << 8) | body[2]!, (body[3]! << 8) | body[4]!];
  checkSize("JPEG", width, height);
  const specs = Array.from({ length: n }, (_, i) => body.subarray(6 + 3 * i, 9 + 3 * i));
  const sides = specs.map((s) => [s[1]! >> 4, s[1]! & 15] as const);
  if (sides.some(([h, v]) => h < 1 || h > 4 || v < 1 || v > 4)) throw badJpeg("a component is sampled in a way that there is not");
  const [across, down] = [Math.max(...sides.map(([h]) => h)), Math.max(...sides.map(([, v]) => v))];
  const [mcuColumns, mcuRows] = [Math.ceil(width / (8 * across)), Math.ceil(height / (8 * down))];
  const components = specs.map((s, i): Component => {
    const [h, v] = sides[i]!;
    const [columns, rows] = [Math.ceil(Math.ceil((width * h) / across) / 8), Math.ceil(Math.ceil((height * v) / down) / 8)];
    const stride = mcuColumns * h;
    return { id: s[0]!, across: h, down: v, table: s[2]!, columns, rows, stride, coefficients: new Int16Array(stride * mcuRows * v * 64), quants: undefined };
  });
  return { width, height, progressive, components, across, down, mcuColumns, mcuRows };
}

function scanOf(
  body: Uint8Array,
  frame: Frame,
  tables: {
    readonly dc: readonly (Huffman | undefined)[];
    readonly ac: readonly (Huffman | undefined)[];
    readonly quants: readonly (Int32Array | undefined)[];
  },
) {
  const n = body[0] ?? 0;
  if (n < 1 || n > 4 || body.length < 4 + 2 * n) throw badJpeg("a scan is broken");
  const parts = Array.from({ length: n }, (_, i): Part => {
    const [id, which] = [body[1 + 2 * i]!, body[2 + 2 * i]!];
    const component = frame.components.find((c) => c.id === id);
    if (component === undefined) throw badJpeg("a scan names a component that there is not");
    component.quants ??= tables.quants[component.table];
    return { component, dc: tables.dc[which >> 4], ac: tables.ac[which & 15], last: 0 };
  });
  const [first, last, bits] = [body[1 + 2 * n]!, body[2 + 2 * n]!, body[3 + 2 * n]!];
  const band = { first, last, high: bits >> 4, low: bits & 15 };
  if (frame.progressive && (first > last || last > 63 || band.low > 13 || (first > 0 && n > 1))) throw badJpeg("a scan asks for what there is not");
  return { parts, band };
}

/** painted makes samples of coefficients, and colours of them. */
function painted(frame: Frame, rgb: boolean, { smooth, accurate }: Ways): Picture {
  const { width, height, components, across, down } = frame;
  const planes = components.map((c): Plane => {
    if (c.quants === undefined) throw badJpeg("a table of quants is missing");
    const stride = c.stride * 8;
    const lines = c.coefficients.length / 64 / c.stride;
    const data = new Uint8Array(stride * lines * 8);
    const [transform, quants] = accurate ? [inverse, c.quants] : [inverseFast, scaledQuants(c.quants)];
    for (let y = 0; y < lines; y++)
      for (let x = 0; x < c.stride; x++) transform(c.coefficients, (y * c.stride + x) * 64, quants, data, y * 8 * stride + x * 8, stride);
    const plane = { data, stride, width: Math.ceil((width * c.across) / across), height: Math.ceil((height * c.down) / down) };
    return upsampled(plane, across / c.across, down / c.down, width, height, smooth);
  });
  const n = components.length as 1 | 3;
  const samples = new Uint8Array(width * height * n);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * n;
      const at = (k: number): number => planes[k]!.data[y * planes[k]!.stride + x]!;
      if (n === 1) samples[to] = at(0);
      else if (rgb) for (let k = 0; k < 3; k++) samples[to + k] = at(k);
      else {
        const [light, blue, red] = [at(0), at(1) - 128, at(2) - 128];
        samples[to] = clamped(light + ((91881 * red + 32768) >> 16));
        samples[to + 1] = clamped(light + ((-46802 * red - 22554 * blue + 32768) >> 16));
        samples[to + 2] = clamped(light + ((116130 * blue + 32768) >> 16));
      }
    }
  return { width, height, channels: n, samples };
}

const clamped = (v: number): number => (v < 0 ? 0 : v > 255 ? 255 : v);

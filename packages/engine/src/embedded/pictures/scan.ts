// Coefficients of JPEG out of its scans: in one go, or progressively, by bands and bits (ITU T.81, annexes F and G).
import { type Bits, badJpeg, type Huffman } from "./bits.ts";

/** Component is one colour of a frame, with its blocks of coefficients: 64 each, in rows. */
export interface Component {
  readonly id: number;
  readonly across: number;
  readonly down: number;
  readonly table: number;
  /** blocks of a line, and lines: those that there are, and with what fills the last MCUs. */
  readonly columns: number;
  readonly rows: number;
  readonly stride: number;
  readonly coefficients: Int16Array;
  /** quants are those of its table when its scan began. */
  quants: Int32Array | undefined;
}

/** Band is what a scan brings: coefficients from `first` to `last`, down to bit `low`; `high` is the bit that came before, 0 for none. */
export interface Band {
  readonly first: number;
  readonly last: number;
  readonly high: number;
  readonly low: number;
}

/** Part is a component of a scan with its tables. */
export interface Part {
  readonly component: Component;
  readonly dc: Huffman | undefined;
  readonly ac: Huffman | undefined;
  /** last is the DC value before. */
  last: number;
}

/** zigzag gives the place of the k-th coefficient. */
export const zigzag: Uint8Array = Uint8Array.of(
  ...[0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28],
  ...[35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63],
);

export interface ScanOptions {
  readonly parts: readonly Part[];
  readonly band: Band;
  readonly progressive: boolean;
  /** every is how many MCUs there are between restarts; 0 for none. */
  readonly every: number;
  readonly mcuColumns: number;
  readonly mcuRows: number;
}

/** readScan reads the coefficients of a scan. Throws InvalidArgument. */
export function readScan(bits: Bits, { parts, band, progressive, every, mcuColumns, mcuRows }: ScanOptions): void {
  const run = { left: 0 }; // of blocks without more coefficients
  const read = progressive ? (band.first === 0 ? dcOf(band) : acOf(band, run)) : whole;
  const alone = parts.length === 1 ? parts[0]! : undefined;
  const [columns, rows] = alone === undefined ? [mcuColumns, mcuRows] : [alone.component.columns, alone.component.rows];
  const total = columns * rows;
  for (let mcu = 0; mcu < total; mcu++) {
    if (every > 0 && mcu > 0 && mcu % every === 0) {
      if (!bits.restart()) throw badJpeg("a restart is missing");
      run.left = 0;
      for (const part of parts) part.last = 0;
    }
    const [x, y] = [mcu % columns, Math.floor(mcu / columns)];
    if (alone !== undefined) {
      read(bits, alone, (y * alone.component.stride + x) * 64);
      continue;
    }
    for (const part of parts) {
      const { across, down, stride } = part.component;
      for (let v = 0; v < down; v++) for (let h = 0; h < across; h++) read(bits, part, ((y * down + v) * stride + x * across + h) * 64);
    }
  }
}

type Read = (bits: Bits, part: Part, at: number) => void;

function need(table: Huffman | undefined): Huffman {
  if (table === undefined) throw badJpeg("a table is missing");
  return table;
}

function whole(bits: Bits, part: Part, at: number): void {
  const out = part.component.coefficients;
  part.last += bits.extended(bits.symbol(need(part.dc)) & 15);
  out[at] = part.last;
  const ac = need(part.ac);
  for (let k = 1; k < 64; k++) {
    const symbol = bits.symbol(ac);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size === 0) {
      if (zeros < 15) return;
      k += 15;
      continue;
    }
    k += zeros;
    if (k > 63) throw badJpeg("a block has too many coefficients");
    out[at + zigzag[k]!] = bits.extended(size);
  }
}

function dcOf({ high, low }: Band): Read {
  return (bits, part, at) => {
    const out = part.component.coefficients;
    if (high > 0) {
      if (bits.bit() === 1) out[at]! |= 1 << low;
      return;
    }
    part.last += bits.extended(bits.symbol(need(part.dc)) & 15);
    out[at] = part.last << low;
  };
}

function acOf({ first, last, high, low }: Band, run: { left: number }): Read {
  const one = 1 << low;

  /** more adds a bit to a coefficient that is there. */
  const more = (bits: Bits, out: Int16Array, at: number): void => {
    const v = out[at]!;
    if (bits.bit() === 1 && (Math.abs(v) & one) === 0) out[at] = v + (v > 0 ? one : -one);
  };

  if (high === 0)
    return (bits, part, at) => {
      if (run.left > 0) {
        run.left--;
        return;
      }
      const [ac, out] = [need(part.ac), part.component.coefficients];
      for (let k = first; k <= last; k++) {
        const symbol = bits.symbol(ac);
        const [zeros, size] = [symbol >> 4, symbol & 15];
        if (size > 0) {
          k += zeros;
          if (k > 63) throw badJpeg("a block has too many coefficients");
          out[at + zigzag[k]!] = bits.extended(size) * one;
        } else if (zeros < 15) {
          run.left = (1 << zeros) - 1 + bits.bits(zeros);
          return;
        } else k += 15;
      }
    };

  return (bits, part, at) => {
    const [ac, out] = [need(part.ac), part.component.coefficients];
    let k = first;
    if (run.left === 0)
      for (; k <= last; k++) {
        const symbol = bits.symbol(ac);
        let zeros = symbol >> 4;
        let value = 0;
        if ((symbol & 15) > 0) value = bits.bit() === 1 ? one : -one;
        else if (zeros < 15) {
          run.left = (1 << zeros) + bits.bits(zeros);
          break;
        }
        for (; k <= last; k++) {
          const place = at + zigzag[k]!;
          if (out[place] !== 0) more(bits, out, place);
          else if (zeros-- === 0) break;
        }
        if (value !== 0 && k <= last) out[at + zigzag[k]!] = value;
      }
    if (run.left > 0) {
      for (; k <= last; k++) if (out[at + zigzag[k]!] !== 0) more(bits, out, at + zigzag[k]!);
      run.left--;
    }
  };
}

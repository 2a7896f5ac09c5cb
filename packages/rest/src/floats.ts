// Data plane: float32 from decimal numbers by WebAssembly, whose words have eight bytes where JavaScript's have four. It reads what is usual in large documents, and numbers.ts the rest.
import { floats } from "./floats_code.ts";
import { pastBlank, readNumbers } from "./numbers.ts";
import { grow, type Kernel, type Sink } from "./sink.ts";

/** What wasm/floats.c exports; pointers are bytes. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  input(): number;
  output(): number;
  stopped(): number;
  scan(bytes: number): void;
  read(at: number, end: number, width: number, left: number): number;
}

/** As in floats.c. */
const [windowBytes, slackBytes] = [1 << 15, 64];
const [usedUp, number, blanks] = [0, 1, 3];
/** A smaller document is read before this one has begun. */
const leastBytes = 16 * 1024;

/** newFloats makes a kernel for floats, which reads one document at a time. Documents of less than `least` bytes are left to numbers.ts, and all where WebAssembly has no SIMD; its code is made ready by the first large one. */
export function newFloats(least: number = leastBytes): Kernel {
  let large: Kernel | undefined;
  return (bytes, from, sink, width, one) => {
    if (one || bytes.length < least) return readNumbers(bytes, from, sink, width, one);
    large ??= newReader() ?? readNumbers;
    return large(bytes, from, sink, width, one);
  };
}

/** newReader makes what reads lists of a document by WebAssembly; undefined where that has no SIMD. */
export function newReader(): Kernel | undefined {
  const bytes = Uint8Array.from(atob(floats), (c) => c.charCodeAt(0));
  if (typeof WebAssembly === "undefined" || !WebAssembly.validate(bytes)) return undefined;
  const code = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Exports;
  const { buffer } = code.memory;
  const input = new Uint8Array(buffer, code.input(), windowBytes + slackBytes);
  const output = new Float32Array(buffer, code.output(), windowBytes / 2);
  const stopped = new Uint32Array(buffer, code.stopped(), 3);
  /** Bytes [low, high) of this document are in the window. */
  let shown = 0;
  let low = 0;
  let high = 0;

  function show(bytes: Uint8Array, from: number, sink: Sink): void {
    shown = sink.document;
    low = from;
    high = Math.min(bytes.length, from + windowBytes);
    input.set(bytes.subarray(low, high));
    input.fill(0, high - low);
    code.scan(high - low);
  }

  return (bytes, from, sink, width) => {
    let at = from;
    let left = width;
    for (;;) {
      if (shown !== sink.document || at < low || (at >= high - slackBytes && high < bytes.length)) show(bytes, at, sink);
      const count = code.read(at - low, high < bytes.length ? windowBytes - slackBytes : high - low, width, left);
      at = low + stopped[0]!;
      left = stopped[1]! | 0;
      if (count > 0) append(sink, output, count, at);
      const why = stopped[2]!;
      if (why === usedUp && high < bytes.length) continue;
      if (why === blanks) {
        at = pastBlank(bytes, at);
        continue;
      }
      if (why === number || why === usedUp) {
        at = readNumbers(bytes, at, sink, 0, true);
        if (at < 0) return -1;
      }
      // Behind a number, as in readNumbers.
      if (bytes[at]! <= 0x20) at = pastBlank(bytes, at);
      if (bytes[at] === 0x2c) left = (left - 1) | 0;
      else {
        if (bytes[at] !== 0x5d || left !== 1 || bytes[at + 1] !== 0x2c) break;
        const open = bytes[at + 2] === 0x20 ? at + 3 : at + 2;
        if (bytes[open] !== 0x5b) break;
        at = open;
        left = width;
      }
      if (bytes[++at]! <= 0x20) at = pastBlank(bytes, at);
    }
    return width > 0 && left !== 1 ? -1 : at;
  };
}

/** So many a loop copies faster than a call. */
const fewFloats = 32;

/** append puts the first `count` floats behind those of a sink; its bytes are read up to `at`. */
function append(sink: Sink, found: Float32Array, count: number, at: number): void {
  const before = sink.count;
  sink.count += count;
  if (sink.count > sink.data.length) grow(sink, at);
  const { data } = sink;
  if (count <= fewFloats) for (let i = 0; i < count; i++) data[before + i] = found[i]!;
  else data.set(found.subarray(0, count), before);
}

// One of LiteRT's interpreters, and the memory of the tensors that go in and out of it. Data plane.
import { Code, newError } from "@tfs/std";
import { allocate, DType, elementCount, elementSize, type Tensor } from "@tfs/tensor";
import type { Pointer } from "../native/index.ts";
import { type Buffer, layoutBytes, type LiteRt, type Native } from "./litert.ts";
import { maxRank, type TfGraph, type TfTensor } from "./schema.ts";
import { dtypeOf, type Runnable } from "./signatures.ts";
import { decodeStrings, encodeStrings } from "./strings.ts";

/** Call is a native call that takes its time: whoever drives the work chooses where it is made, and tells what came of it. */
interface Call {
  here(): number;
  onThread(): Promise<number>;
}

/** Work goes on from call to call. */
export type Work<T> = Generator<Call, T, number>;

/** now does work in the event loop. */
export function now<T>(work: Work<T>): T {
  let step = work.next();
  while (step.done !== true) step = work.next(step.value.here());
  return step.value;
}

/** later does it on threads of Node's pool. */
export async function later<T>(work: Work<T>): Promise<T> {
  let step = work.next();
  while (step.done !== true) step = work.next(await step.value.onThread());
  return step.value;
}

function call<A extends readonly unknown[]>(fn: Native<A>, ...args: A): Call {
  return {
    here: () => fn(...args),
    onThread: () => new Promise((resolve, reject) => fn.async(...args, (err, status) => (err ? reject(err as Error) : resolve(status)))),
  };
}

/** Interpreter serves one run at a time. */
export interface Interpreter {
  /** run takes a value for each input of a runnable, in the graph's order, and gives all of its outputs. */
  run(runnable: Runnable, feeds: readonly Tensor[]): Work<readonly Tensor[]>;
  /** plan has memory planned for the shapes that the file declares. Throws Internal, with what the library says, if it cannot be run in them. */
  plan(runnable: Runnable): Work<void>;
  close(): void;
}

/** slack is what kernels may read past the end of an input. */
const slack = 64;
/** Strings that come out need memory whose size nobody tells: so much to begin with, then eight times more, so often. */
const firstStrings = 4096;
const growth = 8;
const attempts = 7;

/** newInterpreter takes over what compile gave. */
export function newInterpreter(
  lib: LiteRt,
  { compiled, options }: { readonly compiled: Pointer; readonly options: Pointer },
  graphs: readonly TfGraph[],
): Interpreter {
  const states = new Map<Runnable, Io>();
  function ioOf(runnable: Runnable): Io {
    let io = states.get(runnable);
    if (io === undefined) {
      io = newIo(lib, compiled, graphs[runnable.graph]!, runnable.signature);
      states.set(runnable, io);
    }
    return io;
  }
  return {
    plan: (runnable) => ioOf(runnable).plan(),
    *run(runnable, feeds) {
      const io = ioOf(runnable);
      io.fit(feeds);
      yield* io.plan();
      io.write(feeds);
      yield* io.invoke();
      return io.read(feeds);
    },
    close() {
      for (const io of states.values()) io.close();
      lib.destroyCompiled(compiled, options);
    },
  };
}

/** Slot is one tensor that goes in or out. */
interface Slot {
  readonly tensor: TfTensor;
  readonly dtype: DType;
  shape: readonly number[];
  buffer: Buffer | undefined;
}

interface Io {
  /** fit resizes inputs to the shapes of what is fed. */
  fit(feeds: readonly Tensor[]): void;
  /** plan has the memory between them planned anew, if it has to be. */
  plan(): Work<void>;
  write(feeds: readonly Tensor[]): void;
  invoke(): Work<void>;
  read(feeds: readonly Tensor[]): readonly Tensor[];
  close(): void;
}

function newIo(lib: LiteRt, compiled: Pointer, graph: TfGraph, signature: number): Io {
  const { libc } = lib;
  const slot = (n: number): Slot => ({ tensor: graph.tensors[n]!, dtype: dtypeOf(graph.tensors[n]!), shape: graph.tensors[n]!.shape, buffer: undefined });
  const [inputs, outputs] = [graph.inputs.map(slot), graph.outputs.map(slot)];
  /** same are the outputs that are inputs too, by their number as such: they share their memory, and what is fed comes out. */
  const same = new Map(graph.outputs.flatMap((n, i) => (graph.inputs.includes(n) ? [[i, graph.inputs.indexOf(n)] as const] : [])));
  const handles = libc.malloc(8 * (inputs.length + outputs.length));
  const outHandles = handles + BigInt(8 * inputs.length);
  const layouts = new Int32Array((layoutBytes / 4) * outputs.length);
  const layoutsAt = libc.malloc(layouts.byteLength);
  const strings = outputs.some(({ dtype }) => dtype === DType.String);
  let planned = false;

  function replace(slots: readonly Slot[], i: number, bytes: number): void {
    const one = slots[i]!;
    if (one.buffer !== undefined) lib.destroyBuffer(one.buffer.handle);
    one.buffer = undefined;
    one.buffer = lib.buffer(one.tensor.type, one.shape, Math.max(1, bytes));
    const handle = new Uint8Array(BigUint64Array.of(one.buffer.handle).buffer);
    libc.copyIn((slots === inputs ? handles : outHandles) + BigInt(8 * i), handle);
    if (slots === inputs) for (const [out, from] of same) if (from === i) libc.copyIn(outHandles + BigInt(8 * out), handle);
  }

  /** see reads the shapes of the outputs after a call of layouts. */
  function see(): void {
    libc.copyOut(new Uint8Array(layouts.buffer), layoutsAt);
    for (const [i, one] of outputs.entries()) {
      const at = (layoutBytes / 4) * i;
      const rank = layouts[at]! & 0x7f;
      if (rank === one.shape.length && one.shape.every((dim, k) => dim === layouts[at + 1 + k])) continue;
      one.shape = Array.from(layouts.subarray(at + 1, at + 1 + Math.min(rank, maxRank)), (dim) => Math.max(0, dim));
    }
  }

  /** make gives outputs memory of exactly their size: the library copies constants by it. */
  function make(): void {
    for (const [i, { dtype, shape, buffer }] of outputs.entries()) {
      if (same.has(i)) continue;
      if (dtype === DType.String) {
        const least = 4 * (elementCount(shape) + 2) + firstStrings;
        if (buffer === undefined || buffer.bytes < least) replace(outputs, i, least);
        libc.copyIn(outputs[i]!.buffer!.at, new Uint8Array(8)); // no strings yet
      } else {
        const bytes = elementCount(shape) * elementSize(dtype);
        if (buffer?.bytes !== Math.max(1, bytes)) replace(outputs, i, bytes);
      }
    }
  }

  return {
    fit(feeds) {
      for (const [i, one] of inputs.entries()) {
        const { shape, dtype } = feeds[i]!;
        if (shape.length === one.shape.length && shape.every((dim, k) => dim === one.shape[k])) continue;
        planned = false;
        const fits = shape.length <= maxRank && shape.length > 0 && shape.every((dim) => dim > 0 && dim <= 0x7fffffff);
        if (!fits || lib.resize(compiled, signature, i, Int32Array.from(shape)) !== 0) {
          lib.messages(compiled);
          const [from, to] = [one.shape, shape].map((dims) => elementCount(dims) * elementSize(dtype));
          throw newError(Code.Internal, `Failed to resize input tensor: ${one.tensor.name} from ${from} to ${to} bytes.`);
        }
        one.shape = [...shape];
        if (one.buffer !== undefined) lib.destroyBuffer(one.buffer.handle);
        one.buffer = undefined;
      }
    },
    *plan() {
      if (planned) return;
      if (outputs.length > 0 && (yield call(lib.layouts, compiled, signature, outputs.length, layoutsAt, true)) !== 0) {
        throw newError(Code.Internal, told("Failed to allocate tensors", lib.messages(compiled)));
      }
      see();
      make();
      planned = true;
    },
    write(feeds) {
      for (const [i, one] of inputs.entries()) {
        const { data } = feeds[i]!;
        const bytes = ArrayBuffer.isView(data) ? viewed(data) : encodeStrings(data as readonly Uint8Array[]);
        if (one.buffer === undefined || one.buffer.bytes < bytes.length) replace(inputs, i, bytes.length + slack);
        libc.copyIn(one.buffer!.at, bytes);
      }
    },
    *invoke() {
      for (let attempt = 1; ; attempt++) {
        const status = yield call(lib.run, compiled, signature, inputs.length, handles, outputs.length, outHandles);
        const why = status === 0 ? "" : lib.messages(compiled);
        if (outputs.length > 0) lib.layouts(compiled, signature, outputs.length, layoutsAt, false); // what only the run could tell: where() gives as many as it finds
        see();
        if (status === 0) return;
        const small = why.includes("Custom allocation is too small");
        if (attempt === attempts || !(small || (strings && why === ""))) {
          planned = false;
          throw newError(Code.Internal, told("Failed to invoke TfLite interpreter", why));
        }
        if (!small)
          for (const [i, { dtype, buffer }] of outputs.entries()) if (dtype === DType.String && !same.has(i)) replace(outputs, i, growth * buffer!.bytes);
        make();
      }
    },
    read: (feeds) =>
      outputs.map((one, i) => {
        const from = same.get(i);
        if (from !== undefined) return feeds[from]!;
        return one.dtype === DType.String ? readStrings(one) : readNumbers(one);
      }),
    close() {
      for (const { buffer } of [...inputs, ...outputs]) if (buffer !== undefined) lib.destroyBuffer(buffer.handle);
      libc.free(handles);
      libc.free(layoutsAt);
    },
  };

  function readNumbers({ tensor, dtype, shape, buffer }: Slot): Tensor {
    const bytes = elementCount(shape) * elementSize(dtype);
    if (bytes > buffer!.bytes) {
      const sizes = `Size mismatch: ${bytes} vs ${buffer!.bytes}`;
      throw newError(Code.Internal, `Failed to convert TFLite tensor: ${tensor.name} to TF tensor. ${sizes}`);
    }
    const out = allocate(dtype, shape);
    libc.copyOut(viewed(out.data as ArrayBufferView), buffer!.at);
    return out;
  }

  function readStrings({ tensor, dtype, shape, buffer }: Slot): Tensor {
    const head = new Int32Array(1);
    const take = (from: number): number => {
      libc.copyOut(viewed(head), buffer!.at + BigInt(from));
      return head[0]!;
    };
    const count = take(0);
    let data: Uint8Array[] | undefined;
    if (count >= 0 && 4 * (count + 2) <= buffer!.bytes) {
      const bytes = new Uint8Array(Math.min(buffer!.bytes, Math.max(4 * (count + 2), take(4 + 4 * count))));
      libc.copyOut(bytes, buffer!.at);
      data = decodeStrings(bytes);
    }
    const want = elementCount(shape);
    if (data?.length !== want) {
      const sizes = `Num elements mismatch: ${want} vs ${data?.length ?? count}`;
      throw newError(Code.Internal, `Failed to convert TFLite tensor: ${tensor.name} to TF tensor. ${sizes}`);
    }
    return { dtype, shape, data };
  }
}

function viewed(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** told adds what the interpreter itself says, without the names of its sources. */
function told(text: string, why: string): string {
  // An output whose memory its operator makes while it runs (kTfLiteDynamic) cannot be given any, and is not to be had otherwise.
  if (why.includes("allocation_type == kTfLiteArenaRw"))
    return `${text}: the size of an output is told by its values only, which LiteRT's C API does not serve`;
  const words = why
    .split("\n")
    .filter((line) => line !== "" && !/\.(cc|h):\d+ /.test(line))
    .join(" ");
  return words === "" ? text : `${text}: ${words}`;
}

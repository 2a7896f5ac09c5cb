import { Code, type Ctx, newError } from "@tfs/std";
import { type DType, layoutOf, type Tensor } from "@tfs/tensor";
import type { Took } from "../engine.ts";
import { type Gate, newTiming } from "../native/index.ts";
import type { Compiled, Request } from "./library.ts";

/** Native runs a compiled graph. */
export interface Native {
  /**
   * run infers: in the event loop what is known to be short, else on a thread behind the gate. Gives undefined if OpenVINO refuses or fails. Throws what the gate
   * throws, and the context's reason if that ends; the inference goes on then, and its request is used again when it has ended.
   */
  run(ctx: Ctx, inputs: readonly Tensor[], took?: Took): Promise<readonly Tensor[] | undefined>;
  /** close waits for inferences under way and frees everything. */
  close(): Promise<void>;
}

export interface NativeOptions {
  readonly gate: Gate;
  readonly inputs: number;
  /** outputs are the dtypes of the outputs o0, o1, … */
  readonly outputs: readonly DType[];
}

/** newNative takes over a compiled graph with inputs i0, i1, … Throws Unimplemented if it is not what was asked for. */
export function newNative(compiled: Compiled, { gate, inputs, outputs }: NativeOptions): Native {
  // An input that OpenVINO found to be of no use is not there any more.
  const inputAt = Array.from({ length: inputs }, (_, i) => compiled.input(`i${i}:0`));
  const ports = outputs.map((_, i) => compiled.output(`o${i}:0`));
  if (ports.some((port, i) => port?.dtype !== outputs[i])) throw newError(Code.Unimplemented, "OpenVINO does not give the outputs that it was asked for");
  const outputAt = ports.map((port) => port!.at);
  const timing = newTiming();
  const idle: Request[] = []; // as many as have been at work at a time: the gate's places, and one for the event loop
  const working = new Set<Promise<unknown>>();
  let closed = false;

  function fill(request: Request, inputs: readonly Tensor[]): void {
    inputAt.forEach((at, i) => {
      if (at === undefined) return;
      const { dtype, shape, data } = inputs[i]!;
      const view = data as Uint8Array; // no strings come here
      request.set(at, dtype, shape, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    });
  }

  function read(request: Request): Tensor[] {
    return outputAt.map((at, i) => {
      const { shape, bytes } = request.get(at);
      const { array } = layoutOf(outputs[i]!);
      return { dtype: outputs[i]!, shape, data: new array!(bytes.buffer, 0, bytes.length / array!.BYTES_PER_ELEMENT) };
    });
  }

  function take(): Request {
    if (closed) throw newError(Code.Unavailable, "the model has been unloaded");
    return idle.pop() ?? compiled.newRequest();
  }

  function told(bytes: number, ms: number, took?: Took): void {
    timing.took(bytes, ms);
    took?.(ms);
  }

  function now(inputs: readonly Tensor[], bytes: number, took?: Took): readonly Tensor[] {
    const request = take();
    try {
      fill(request, inputs);
      const begun = performance.now();
      request.infer();
      told(bytes, performance.now() - begun, took);
      return read(request);
    } finally {
      idle.push(request);
    }
  }

  async function later(inputs: readonly Tensor[], bytes: number, took?: Took): Promise<readonly Tensor[]> {
    const request = take();
    try {
      fill(request, inputs);
      const begun = performance.now();
      await request.inferLater();
      told(bytes, performance.now() - begun, took);
      return read(request);
    } finally {
      idle.push(request);
    }
  }

  /** attempt is undefined where OpenVINO fails: a request that has failed is as good as new (it holds nothing of the last run but memory). */
  async function attempt(call: () => Promise<readonly Tensor[]>): Promise<readonly Tensor[] | undefined> {
    const running = call().catch(() => undefined);
    working.add(running);
    try {
      return await running;
    } finally {
      working.delete(running);
    }
  }

  return {
    async run(ctx, inputs, took) {
      let bytes = 0;
      for (const { data } of inputs) bytes += (data as Uint8Array).byteLength;
      if (!timing.small(bytes)) return await gate.run(ctx, () => attempt(() => later(inputs, bytes, took)));
      try {
        return now(inputs, bytes, took);
      } catch {
        return undefined;
      }
    },
    async close() {
      closed = true;
      while (working.size > 0) await Promise.all(working);
      for (const request of idle.splice(0)) request.close();
      await compiled.close();
    },
  };
}

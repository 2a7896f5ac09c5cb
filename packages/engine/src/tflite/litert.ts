// The native boundary, second half: LiteRT's C API (litert/c/*.h of google-ai-edge/LiteRT, 2.2 and on). Every address here is unchecked; who opens, closes, once.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Code, newError } from "@tfs/std";
import { type Libc, newOpened, openLibc, type Pointer } from "../native/index.ts";

/** libraryFile is the one file that is needed of PyPI's ai-edge-litert. */
export const libraryFile = "libLiteRt.so";

/** LiteRt is the library, loaded for good, with one environment. What gives a number gives LiteRtStatus: 0 is well. */
export interface LiteRt {
  readonly libc: Libc;
  /** model makes a model of a .tflite file in native memory, which must outlive it. */
  model(at: Pointer, bytes: number): Promise<Pointer | undefined>;
  destroyModel(model: Pointer): void;
  /** compile makes an interpreter, as LiteRT's compiled models are, that runs an operator on so many threads. */
  compile(model: Pointer, threads: number): Promise<{ readonly compiled: Pointer; readonly options: Pointer } | undefined>;
  destroyCompiled(compiled: Pointer, options: Pointer): void;
  resize(compiled: Pointer, signature: number, input: number, dims: Int32Array): number;
  /** layouts writes the shapes of the outputs to `at`, layoutBytes each, after it has planned memory anew if that is needed or asked for. */
  readonly layouts: Native<[compiled: Pointer, signature: number, outputs: number, at: Pointer, plan: boolean]>;
  readonly run: Native<[compiled: Pointer, signature: number, inputs: number, inBuffers: Pointer, outputs: number, outBuffers: Pointer]>;
  /** buffer makes memory for a tensor. Throws ResourceExhausted. */
  buffer(type: number, shape: readonly number[], bytes: number): Buffer;
  destroyBuffer(handle: Pointer): void;
  /** messages takes what an interpreter has complained about since it was asked last. */
  messages(compiled: Pointer): string;
}

/** Buffer is a tensor's memory: what the library knows it by, and where its bytes are. */
export interface Buffer {
  readonly handle: Pointer;
  readonly at: Pointer;
  readonly bytes: number;
}

/** Native is a function that may be called here or on a thread of Node's pool. */
export interface Native<A extends readonly unknown[]> {
  (...args: A): number;
  async(...args: [...A, (err: unknown, status: number) => void]): void;
}

/** LiteRtLayout is a word, whose low seven bits are the rank, then 8 dimensions and 8 strides; LiteRtRankedTensorType is the type, then a layout. */
export const layoutBytes: number = 4 * 17;

/** openLiteRt loads the library from a folder, once in a process. Throws Unavailable, with what is wrong. */
export const openLiteRt: (dir: string) => Promise<LiteRt> = newOpened(open);

type Fn = Native<readonly unknown[]>;

/** Tags of LiteRtEnvOption: which kinds of hardware are looked for, and what is said on stderr. Bits of LiteRtHwAccelerators; LITERT_SILENT. */
const [accelerators, severity, cpu, silent] = [24, 25, 1, 4];
/** LiteRtAnyType's integer; LiteRtTensorBufferType's memory of the process; how complaints are kept (LiteRtErrorReporterMode). */
const [anyInt, hostMemory, keepMessages] = [2, 1, 2];

async function open(dir: string): Promise<LiteRt> {
  const libc = await openLibc();
  const path = join(dir, libraryFile);
  if (!existsSync(path)) throw newError(Code.Unavailable, `${dir} does not hold ${libraryFile}`);
  libc.pin(path);
  const { koffi, malloc, free, copyIn } = libc;
  const library = koffi.load(path);
  const fn = <F = Fn>(name: string, args: string): F => {
    try {
      return library.func(`int LiteRt${name}(${args})`) as F;
    } catch (err) {
      throw newError(Code.Unavailable, `${path} is not LiteRT's C library as we know it`, err);
    }
  };
  const done = (name: string): ((at: Pointer) => void) => library.func(`void LiteRtDestroy${name}(void* at)`) as unknown as (at: Pointer) => void;
  const createEnvironment = fn("CreateEnvironment", "int n, void* options, void* out");
  const createModel = fn("CreateModelFromBuffer", "void* env, void* at, size_t bytes, void* out");
  const createOptions = fn("CreateOptions", "void* out");
  const setAccelerators = fn("SetOptionsHardwareAccelerators", "void* options, int set");
  const createOpaque = fn("CreateOpaqueOptions", "const char* id, void* text, void* destructor, void* out");
  const addOpaque = fn("AddOpaqueOptions", "void* options, void* opaque");
  const createCompiled = fn("CreateCompiledModel", "void* env, void* model, void* options, void* out");
  const resize = fn("CompiledModelResizeInputTensorNonStrict", "void* compiled, size_t signature, size_t input, void* dims, size_t n");
  const layouts = fn<LiteRt["layouts"]>("GetCompiledModelOutputTensorLayouts", "void* compiled, size_t signature, size_t n, void* out, bool plan");
  const run = fn<LiteRt["run"]>("RunCompiledModel", "void* compiled, size_t signature, size_t n, void* inputs, size_t m, void* outputs");
  const createBuffer = fn("CreateManagedTensorBuffer", "void* env, int kind, void* type, size_t bytes, void* out");
  const hostOf = fn("GetTensorBufferHostMemory", "void* buffer, void* out");
  const getMessages = fn("CompiledModelGetErrorMessages", "void* compiled, void* out");
  const clearMessages = fn("CompiledModelClearErrors", "void* compiled");
  const [destroyModel, destroyCompiled, destroyOptions, destroyBuffer] = [done("Model"), done("CompiledModel"), done("Options"), done("TensorBuffer")];

  const box = new BigUint64Array(1);
  /** made gives what a call has put into the box; undefined if it did not go well. */
  const made = (status: number): Pointer | undefined => (status === 0 ? box[0]! : undefined);
  const environmentOptions = new DataView(new ArrayBuffer(48));
  for (const [i, tag, value] of [
    [0, accelerators, cpu],
    [1, severity, silent],
  ] as const) {
    environmentOptions.setInt32(24 * i, tag!, true);
    environmentOptions.setInt32(24 * i + 8, anyInt!, true);
    environmentOptions.setBigInt64(24 * i + 16, BigInt(value!), true);
  }
  const environment = made(createEnvironment(2, new Uint8Array(environmentOptions.buffer), box));
  if (environment === undefined) throw newError(Code.Unavailable, `${path} gives no environment`);
  const freeAddress = (koffi.load(null).func("void* dlsym(void* handle, const char* name)") as unknown as (h: null, name: string) => Pointer)(null, "free");

  /** later makes a call on a thread, with a box of its own. */
  async function later(call: Fn, ...args: readonly unknown[]): Promise<Pointer | undefined> {
    const out = malloc(8);
    try {
      const status = await new Promise<number>((resolve, reject) => call.async(...args, out, (err, got) => (err ? reject(err as Error) : resolve(got))));
      if (status !== 0) return undefined;
      libc.copyOut(new Uint8Array(box.buffer), out);
      return box[0]!;
    } finally {
      free(out);
    }
  }
  /** optionsFor says on what and how a model runs; the library reads parts of it as TOML. */
  function optionsFor(threads: number): Pointer {
    const options = made(createOptions(box));
    if (options === undefined) throw newError(Code.Internal, "LiteRT gives no options");
    setAccelerators(options, cpu);
    for (const [id, toml] of [
      ["xnnpack", `num_threads = ${threads}\n`],
      ["runtime_options_string", `error_reporter_mode = ${keepMessages}\n`],
    ] as const) {
      const text = new TextEncoder().encode(`${toml}\0`);
      const at = malloc(text.length);
      copyIn(at, text);
      const opaque = made(createOpaque(id, at, freeAddress, box));
      if (opaque !== undefined) addOpaque(options, opaque);
    }
    return options;
  }
  return {
    libc,
    model: (at, bytes) => later(createModel, environment, at, bytes),
    destroyModel,
    async compile(model, threads) {
      const options = optionsFor(threads);
      const compiled = await later(createCompiled, environment, model, options).catch(() => undefined);
      if (compiled !== undefined) return { compiled, options };
      destroyOptions(options);
      return undefined;
    },
    destroyCompiled(compiled, options) {
      destroyCompiled(compiled);
      destroyOptions(options);
    },
    resize: (compiled, signature, input, dims) => resize(compiled, signature, input, dims, dims.length),
    layouts,
    run,
    buffer(type, shape, bytes) {
      const described = new Int32Array(1 + layoutBytes / 4);
      described[0] = type;
      described[1] = shape.length;
      described.set(shape, 2);
      const handle = made(createBuffer(environment, hostMemory, described, bytes, box));
      if (handle === undefined) throw newError(Code.ResourceExhausted, `LiteRT has no memory for ${bytes} bytes`);
      const at = made(hostOf(handle, box));
      if (at === undefined) throw newError(Code.Internal, "LiteRT does not tell where a tensor's memory is");
      return { handle, at, bytes };
    },
    destroyBuffer,
    messages(compiled) {
      const text = made(getMessages(compiled, box)) ?? 0n;
      if (text === 0n) return "";
      const said = String(koffi.decode(text, "char", -1));
      free(text);
      clearMessages(compiled);
      return said.trim();
    },
  };
}

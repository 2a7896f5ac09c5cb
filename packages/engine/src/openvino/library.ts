// The native boundary, second half: OpenVINO's C API (openvino/c/openvino.h). Every address here is unchecked; who opens, closes, once.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Code, newError } from "@tfs/std";
import { type DType, DType as Types } from "@tfs/tensor";
import { type Libc, newOpened, openLibc, type Pointer } from "../native/index.ts";

/** Library is OpenVINO, loaded for good, with one core. What fails throws Internal with OpenVINO's own words. */
export interface Library {
  /** version as OpenVINO tells it: "2026.4.1-22982-…". */
  readonly version: string;
  /** compile reads a frozen graph from a file and makes it ready, on a thread of Node's pool. The file may be deleted afterwards. Throws Unimplemented. */
  compile(path: string, options: CompileOptions): Promise<Compiled>;
}

export interface CompileOptions {
  /** threads of one inference; OpenVINO takes all cores if it is not given. */
  readonly threads?: number;
}

/** Compiled is a graph that is ready to run. Its requests are closed before it is. */
export interface Compiled {
  /** input and output give the number of a tensor of the graph, by its name; undefined if there is none. */
  input(name: string): number | undefined;
  output(name: string): Port | undefined;
  newRequest(): Request;
  /** close frees it on a thread of Node's pool: it is as much work as the model is large. */
  close(): Promise<void>;
}

/** Port is an output; its dtype is undefined if it is one that no tensor has. */
export interface Port {
  readonly at: number;
  readonly dtype: DType | undefined;
}

/** Request holds what one inference needs. It serves one at a time. */
export interface Request {
  /** set copies a value to an input. */
  set(input: number, dtype: DType, shape: readonly number[], bytes: Uint8Array): void;
  /** infer runs in the caller's thread; inferLater on one of Node's pool. */
  infer(): void;
  inferLater(): Promise<void>;
  /** get copies an output to new memory. */
  get(output: number): { readonly shape: readonly number[]; readonly bytes: Uint8Array };
  close(): void;
}

/** The years whose C API this file knows; the numbers of the element types have changed before. */
const knownYears = /^2026\./;

/** ov_element_type_e (openvino/c/ov_common.h, 2026). */
const elementTypes: readonly (readonly [DType, number])[] = [
  [Types.Bool, 1],
  [Types.BFloat16, 2],
  [Types.Half, 3],
  [Types.Float, 4],
  [Types.Double, 5],
  [Types.Int8, 7],
  [Types.Int16, 8],
  [Types.Int32, 9],
  [Types.Int64, 10],
  [Types.UInt8, 16],
  [Types.UInt16, 17],
  [Types.UInt32, 18],
  [Types.UInt64, 19],
];
const toElementType = new Map(elementTypes);
const fromElementType = new Map(elementTypes.map(([dtype, n]) => [n, dtype]));

/** knows tells whether OpenVINO has tensors of a dtype. */
export function knows(dtype: DType): boolean {
  return toElementType.has(dtype);
}

/** No tensor that a model gives has more dimensions. */
const maxRank = 64;

/** openLibrary loads OpenVINO from a folder, once in a process. Throws Unavailable, with what is wrong. */
export const openLibrary: (dir: string) => Promise<Library> = newOpened(open);

type Fn = ((...args: readonly unknown[]) => unknown) & { async(...args: readonly unknown[]): void };

async function open(dir: string): Promise<Library> {
  const libc = await openLibc();
  const [tbb, main, c] = ["libtbb", "libopenvino", "libopenvino_c"].map((stem) => find(dir, stem));
  for (const path of [tbb!, main!, c!]) libc.pin(path);
  const functions = libc.koffi.load(c!);
  const fn = (declaration: string): Fn => {
    try {
      return functions.func(declaration) as unknown as Fn;
    } catch (err) {
      throw newError(Code.Unavailable, `${c} is not OpenVINO's C library as we know it`, err);
    }
  };
  const version = versionOf(libc, fn);
  if (!knownYears.test(version)) throw newError(Code.Unavailable, `the libraries in ${dir} are OpenVINO ${version}, and 2026 is what is known to work`);

  const lastError = fn("void* ov_get_last_err_msg()");
  const free = fn("void ov_free(void* text)");
  const check = (status: unknown, code: Code, what: string): void => {
    if (status === 0) return;
    const text = lastError() as Pointer | null;
    const told = text === null || text === 0n ? `status ${status}` : String(libc.koffi.decode(text, "char", -1));
    if (text !== null && text !== 0n) free(text);
    throw newError(code, `OpenVINO does not ${what}: ${told.trim()}`);
  };
  const box = new BigUint64Array(1);
  const pointer = (): Pointer => box[0]!;
  const shapeType = libc.koffi.struct({ rank: "int64_t", dims: "void*" });

  const coreCreate = fn("int ov_core_create(void* out)");
  const readModel = fn("int ov_core_read_model(void* core, const char* path, const char* weights, _Out_ void** out)");
  const modelFree = fn("void ov_model_free(void* model)");
  const setProperty = fn("int ov_core_set_property(void* core, const char* device, ...)");
  // Variadic too, but without properties of its own: koffi calls such functions only from the event loop.
  const compileModel = fn("int ov_core_compile_model(void* core, void* model, const char* device, size_t properties, _Out_ void** out)");
  const compiledFree = fn("void ov_compiled_model_free(void* compiled)");
  const inputsSize = fn("int ov_compiled_model_inputs_size(void* compiled, void* out)");
  const outputsSize = fn("int ov_compiled_model_outputs_size(void* compiled, void* out)");
  const inputAt = fn("int ov_compiled_model_input_by_index(void* compiled, size_t index, void* out)");
  const outputAt = fn("int ov_compiled_model_output_by_index(void* compiled, size_t index, void* out)");
  const inputBy = fn("int ov_compiled_model_input_by_name(void* compiled, const char* name, void* out)");
  const outputBy = fn("int ov_compiled_model_output_by_name(void* compiled, const char* name, void* out)");
  const portName = fn("int ov_port_get_any_name(void* port, void* out)");
  const portType = fn("int ov_port_get_element_type(void* port, void* out)");
  const portFree = fn("void ov_output_const_port_free(void* port)");
  const requestCreate = fn("int ov_compiled_model_create_infer_request(void* compiled, void* out)");
  const requestFree = fn("void ov_infer_request_free(void* request)");
  const setInput = fn("int ov_infer_request_set_input_tensor_by_index(void* request, size_t index, void* tensor)");
  const getOutput = fn("int ov_infer_request_get_output_tensor_by_index(void* request, size_t index, void* out)");
  const infer = fn("int ov_infer_request_infer(void* request)");
  const tensorFree = fn("void ov_tensor_free(void* tensor)");
  const tensorData = fn("int ov_tensor_data(void* tensor, void* out)");
  const tensorSize = fn("int ov_tensor_get_size(void* tensor, void* out)");
  const tensorBytes = fn("int ov_tensor_get_byte_size(void* tensor, void* out)");
  const tensorShape = fn("int ov_tensor_get_shape(void* tensor, void* out)");
  const shapeFree = fn("int ov_shape_free(void* shape)");
  const tensorCreate = functions.func("ov_tensor_create", "int", ["int", shapeType, "void*"]) as unknown as Fn;
  const tensorReshape = functions.func("ov_tensor_set_shape", "int", ["void*", shapeType]) as unknown as Fn;

  const later = (call: Fn, ...args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) =>
      call.async(...args, (err: unknown, status: unknown) => (err === null || err === undefined ? resolve(status) : reject(err))),
    );

  /** Cores by their threads: a model is compiled as its core's properties say. They stay, as the library does. */
  const cores = new Map<number | undefined, Pointer>();
  function coreFor(threads: number | undefined): Pointer {
    const found = cores.get(threads);
    if (found !== undefined) return found;
    check(coreCreate(box), Code.Unavailable, "start");
    const core = pointer();
    const set = (key: string, value: string): void => check(setProperty(core, "CPU", "char*", key, "char*", value), Code.Unavailable, `take ${key}`);
    set("INFERENCE_PRECISION_HINT", "f32"); // it may choose bfloat16 on some processors
    set("PERFORMANCE_HINT", "LATENCY");
    if (threads !== undefined) set("INFERENCE_NUM_THREADS", `${threads}`);
    cores.set(threads, core);
    return core;
  }
  coreFor(undefined); // tells at once whether it starts

  function port(at: Pointer): Named {
    try {
      check(portType(at, box), Code.Internal, "tell a port's type");
      const dtype = fromElementType.get(Number(box[0]! & 0xffffffffn));
      check(portName(at, box), Code.Internal, "tell a port's name");
      const text = pointer();
      const name = String(libc.koffi.decode(text, "char", -1));
      free(text);
      return { name, dtype };
    } finally {
      portFree(at);
    }
  }

  /** ports gives a way from a tensor's name to its port. A port has several names, of which OpenVINO tells any one. */
  function ports(compiled: Pointer, size: Fn, at: Fn, by: Fn): (name: string) => Port | undefined {
    check(size(compiled, box), Code.Internal, "count ports");
    const names = Array.from({ length: Number(box[0]) }, (_, i) => {
      check(at(compiled, i, box), Code.Internal, "give a port");
      return port(pointer()).name;
    });
    return (name) => {
      if (by(compiled, name, box) !== 0) return undefined;
      const { name: any, dtype } = port(pointer());
      return { at: names.indexOf(any), dtype };
    };
  }

  function newRequest(compiled: Pointer): Request {
    check(requestCreate(compiled, box), Code.Internal, "make a request");
    const request = pointer();
    const held: Held[] = [];
    const shape = new BigInt64Array(2); // ov_shape_t: rank, address of the dimensions
    const shapeBytes = new Uint8Array(shape.buffer);
    const dims = new BigInt64Array(maxRank);
    return {
      set(input, dtype, dimensions, bytes) {
        const last = held[input];
        if (last === undefined || !same(last.shape, dimensions)) held[input] = resize(last, input, dtype, dimensions);
        libc.copyIn(held[input]!.data, bytes);
      },
      infer: () => check(infer(request), Code.Internal, "infer"),
      inferLater: async () => check(await later(infer, request), Code.Internal, "infer"),
      get(output) {
        check(getOutput(request, output, box), Code.Internal, "give an output");
        const tensor = pointer();
        try {
          const rank = rankOf(tensor);
          check(tensorBytes(tensor, box), Code.Internal, "tell an output's size");
          const bytes = new Uint8Array(Number(box[0]));
          if (bytes.length > 0) {
            check(tensorData(tensor, box), Code.Internal, "give an output's data");
            libc.copyOut(bytes, pointer());
          }
          return { shape: Array.from(dims.subarray(0, rank), Number), bytes };
        } finally {
          tensorFree(tensor);
        }
      },
      close() {
        for (const h of held) if (h !== undefined) tensorFree(h.tensor); // it has holes where nothing was set
        requestFree(request);
      },
    };

    /** rankOf gives a tensor's rank, and leaves its dimensions in dims. */
    function rankOf(tensor: Pointer): number {
      const status = tensorShape(tensor, shapeBytes);
      if (status !== 0) {
        check(tensorSize(tensor, box), Code.Internal, "tell an output's size");
        if (box[0] !== 1n) check(status, Code.Internal, "tell an output's shape");
        return 0; // it does not tell the shape of a scalar
      }
      const rank = Number(shape[0]);
      if (rank <= maxRank) libc.copyOut(new Uint8Array(dims.buffer, 0, rank * 8), shape[1]!);
      shapeFree(shapeBytes);
      if (rank > maxRank) throw newError(Code.Internal, `OpenVINO gives an output of ${rank} dimensions`);
      return rank;
    }

    /** resize gives an input a tensor of another shape; one that is there grows or shrinks. */
    function resize(last: Held | undefined, input: number, dtype: DType, dimensions: readonly number[]): Held {
      const given = BigInt64Array.from(dimensions, BigInt);
      const asked = { rank: dimensions.length, dims: given };
      let tensor = last?.tensor;
      if (tensor === undefined) {
        check(tensorCreate(toElementType.get(dtype), asked, box), Code.ResourceExhausted, "make a tensor");
        tensor = pointer();
      } else check(tensorReshape(tensor, asked), Code.ResourceExhausted, "change a tensor's shape");
      held[input] = { tensor, data: 0n, shape: [-1] }; // whatever fails now, the tensor is freed once
      check(setInput(request, input, tensor), Code.InvalidArgument, "take an input");
      check(tensorData(tensor, box), Code.Internal, "give a tensor's data");
      return { tensor, data: pointer(), shape: [...dimensions] };
    }
  }

  return {
    version,
    async compile(path, { threads }) {
      const core = coreFor(threads);
      const out: [Pointer | null] = [null];
      check(await later(readModel, core, path, null, out), Code.Unimplemented, "read the graph");
      const model = out[0];
      try {
        check(await later(compileModel, core, model, "CPU", 0, out), Code.Unimplemented, "compile the graph");
      } finally {
        modelFree(model);
      }
      const compiled = out[0]!;
      const input = ports(compiled, inputsSize, inputAt, inputBy);
      return {
        input: (name) => input(name)?.at,
        output: ports(compiled, outputsSize, outputAt, outputBy),
        newRequest: () => newRequest(compiled),
        close: async () => void (await later(compiledFree, compiled)),
      };
    },
  };
}

interface Named {
  readonly name: string;
  readonly dtype: DType | undefined;
}

/** Held is an input's tensor, kept from call to call. */
interface Held {
  readonly tensor: Pointer;
  readonly data: Pointer;
  readonly shape: readonly number[];
}

function same(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** find gives the path of a library, whose name ends in the version on Linux: libopenvino.so.2641. */
function find(dir: string, stem: string): string {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (err) {
    throw newError(Code.Unavailable, `the folder ${dir} cannot be read`, err);
  }
  const found = names.find((name) => name.startsWith(`${stem}.so`));
  if (found === undefined) throw newError(Code.Unavailable, `there is no ${stem}.so in ${dir}`);
  return join(dir, found);
}

function versionOf(libc: Libc, fn: (declaration: string) => Fn): string {
  const [get, release] = [fn("int ov_get_openvino_version(void* out)"), fn("void ov_version_free(void* version)")];
  const words = new BigUint64Array(2); // ov_version_t: two addresses of text, the build number first
  const bytes = new Uint8Array(words.buffer);
  if (get(bytes) !== 0) throw newError(Code.Unavailable, "OpenVINO does not tell its version");
  const version = String(libc.koffi.decode(words[0]!, "char", -1));
  release(bytes);
  return version;
}

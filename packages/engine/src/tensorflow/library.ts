// The native boundary of TensorFlow: every call of its C API (tensorflow/c/c_api.h) that we make, and nothing else. Addresses are unchecked.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Code, type Ctx, newError, race, toCode } from "@tfs/std";
import { type Koffi, type Libc, openLibc, type Pointer } from "../native/index.ts";

/** Library is TensorFlow in this process. What it makes, the caller deletes. */
export interface Library {
  readonly libc: Libc;
  readonly version: string;
  /** callerThread is RunOptions that run a graph in the thread that asks, which for a small one costs less than to hand it to others. */
  readonly callerThread: Pointer;
  /** load reads a SavedModel on a thread of the pool. `config` is a serialized ConfigProto. Throws what TensorFlow says, with its code. */
  load(dir: string, tags: readonly string[], config: Uint8Array): Promise<Session>;
  /** unload closes and deletes a session and its graph, on a thread of the pool. */
  unload(session: Session): Promise<void>;
  /** operation finds a node of the graph. */
  operation(session: Session, name: string): Pointer | undefined;
  outputs(operation: Pointer): number;
  /** outputType gives a DataType as TensorFlow numbers them. The index must be below outputs(). */
  outputType(operation: Pointer, index: number): number;
  /** rank gives how many dimensions an output has as far as the graph tells; -1 where it does not. */
  rank(session: Session, operation: Pointer, index: number): number;
  newStatus(): Pointer;
  deleteStatus(status: Pointer): void;
  /** run gives TensorFlow's complaint in args.status: see check. */
  run(args: RunArgs, options: Pointer | null): void;
  /** runLater is run on a thread of the pool. What args points at must stay until it ends. */
  runLater(args: RunArgs, options: Pointer | null): Promise<void>;
  /** check throws what a call has left in a status, unless that is OK. */
  check(status: Pointer): void;
  /** newTensor allocates; the dimensions are pairs of low and high halves. Throws ResourceExhausted. */
  newTensor(dtype: number, dims: Uint32Array, rank: number, bytes: number): Pointer;
  deleteTensor(tensor: Pointer): void;
  dataOf(tensor: Pointer): Pointer;
  typeOf(tensor: Pointer): number;
  rankOf(tensor: Pointer): number;
  dimOf(tensor: Pointer, i: number): number;
  bytesOf(tensor: Pointer): number;
  /** copyString writes a string to an element of zeros; it goes with its tensor. */
  copyString(element: Pointer, bytes: Uint8Array): void;
}

/** Session is a loaded model. */
export interface Session {
  readonly session: Pointer;
  readonly graph: Pointer;
}

/** RunArgs says where the arguments of a run lie in native memory. */
export interface RunArgs {
  readonly session: Pointer;
  readonly inputs: Pointer;
  readonly inputValues: Pointer;
  readonly inputCount: number;
  readonly outputs: Pointer;
  readonly outputValues: Pointer;
  readonly outputCount: number;
  readonly status: Pointer;
}

/** The two libraries of TensorFlow's PyPI wheel, in the order in which they load. */
const files = ["libtensorflow_framework.so.2", "libtensorflow_cc.so.2"] as const;

/** RunOptions with inter_op_thread_pool = -1 (tensorflow/core/protobuf/config.proto, field 3). */
const runInCaller = Uint8Array.of(0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);

let opened: { readonly dir: string; readonly library: Promise<Library> } | undefined;

/**
 * openLibrary loads TensorFlow from the folder that holds its two libraries, once in a process. Throws Unavailable for one that is missing, does not
 * load, is something else or too old, and for a second folder: two of them do not bear each other.
 */
export async function openLibrary(ctx: Ctx, dir: string): Promise<Library> {
  if (opened !== undefined && opened.dir !== dir)
    throw newError(Code.Unavailable, `TensorFlow is loaded from ${opened.dir}, and a process has room for one: ${dir} is too many`);
  opened ??= { dir, library: open(dir).catch(forget) };
  return await race(ctx, opened.library);
}

/** forget lets the next one try again, who may find the folder mended. */
function forget(err: unknown): never {
  opened = undefined;
  throw err;
}

type Declare = (result: string, name: string, ...args: (string | ReturnType<Koffi["struct"]>)[]) => ReturnType<ReturnType<Koffi["load"]>["func"]>;

async function open(dir: string): Promise<Library> {
  const libc = await openLibc();
  const { koffi } = libc;
  const [framework, cc] = [await declare(libc, join(dir, files[0])), await declare(libc, join(dir, files[1]))];
  const version = String(cc("const char*", "TF_Version")());
  checkVersion(join(dir, files[1]), version);

  const output = koffi.struct({ oper: "void*", index: "int" }); // TF_Output, which some functions take by value
  const newStatus = framework("void*", "TF_NewStatus");
  const deleteStatus = framework("void", "TF_DeleteStatus", "void*");
  const getCode = framework("int", "TF_GetCode", "void*");
  const message = framework("const char*", "TF_Message", "void*");
  const newBuffer = framework("void*", "TF_NewBufferFromString", "const void*", "size_t");
  const newOptions = cc("void*", "TF_NewSessionOptions");
  const deleteOptions = cc("void", "TF_DeleteSessionOptions", "void*");
  const setConfig = cc("void", "TF_SetConfig", "void*", "const void*", "size_t", "void*");
  const newGraph = cc("void*", "TF_NewGraph");
  const deleteGraph = cc("void", "TF_DeleteGraph", "void*");
  const load = cc("void*", "TF_LoadSessionFromSavedModel", "void*", "void*", "const char*", "const char**", "int", "void*", "void*", "void*");
  const closeSession = cc("void", "TF_CloseSession", "void*", "void*");
  const deleteSession = cc("void", "TF_DeleteSession", "void*", "void*");
  const operationByName = cc("void*", "TF_GraphOperationByName", "void*", "const char*");
  const numOutputs = cc("int", "TF_OperationNumOutputs", "void*");
  const outputType = cc("int", "TF_OperationOutputType", output);
  const rankOf = cc("int", "TF_GraphGetTensorNumDims", "void*", output, "void*");
  const run = cc("void", "TF_SessionRun", "void*", "void*", "void*", "void*", "int", "void*", "void*", "int", "void*", "int", "void*", "void*");
  const allocate = framework("void*", "TF_AllocateTensor", "int", "const void*", "int", "size_t");
  const deleteTensor = framework("void", "TF_DeleteTensor", "void*");
  const tensorData = framework("void*", "TF_TensorData", "void*");
  const tensorType = framework("int", "TF_TensorType", "void*");
  const numDims = framework("int", "TF_NumDims", "void*");
  const dim = framework("int64_t", "TF_Dim", "void*", "int");
  const byteSize = framework("size_t", "TF_TensorByteSize", "void*");
  const stringCopy = cc("void", "TF_StringCopy", "void*", "const void*", "size_t");

  function check(status: Pointer): void {
    const code = getCode(status) as number;
    if (code !== 0) throw newError(toCode(code), String(message(status)));
  }

  return {
    libc,
    version,
    callerThread: newBuffer(runInCaller, runInCaller.length) as Pointer,
    async load(path, tags, config) {
      const [status, options, graph] = [newStatus() as Pointer, newOptions() as Pointer, newGraph() as Pointer];
      let session: Pointer | null = null;
      try {
        setConfig(options, config, config.length, status);
        check(status);
        session = await later<Pointer | null>(load, options, null, path, [...tags], tags.length, graph, null, status);
        check(status);
        return { session: session!, graph };
      } catch (err) {
        if (!session) deleteGraph(graph);
        throw err;
      } finally {
        deleteOptions(options);
        deleteStatus(status);
      }
    },
    async unload({ session, graph }) {
      const status = newStatus() as Pointer;
      await later(closeSession, session, status);
      await later(deleteSession, session, status);
      await later(deleteGraph, graph);
      deleteStatus(status);
    },
    operation: ({ graph }, name) => (operationByName(graph, name) as Pointer | null) ?? undefined,
    outputs: (operation) => numOutputs(operation) as number,
    outputType: (oper, index) => outputType({ oper, index }) as number,
    rank({ graph }, oper, index) {
      const status = newStatus() as Pointer;
      try {
        const rank = rankOf(graph, { oper, index }, status) as number;
        check(status);
        return rank;
      } finally {
        deleteStatus(status);
      }
    },
    newStatus: () => newStatus() as Pointer,
    deleteStatus: (status) => void deleteStatus(status),
    run: (a, options) => void run(a.session, options, a.inputs, a.inputValues, a.inputCount, a.outputs, a.outputValues, a.outputCount, null, 0, null, a.status),
    runLater: (a, options) =>
      later(run, a.session, options, a.inputs, a.inputValues, a.inputCount, a.outputs, a.outputValues, a.outputCount, null, 0, null, a.status),
    check,
    newTensor(dtype, dims, rank, bytes) {
      const tensor = allocate(dtype, dims, rank, bytes) as Pointer | null;
      if (!tensor) throw newError(Code.ResourceExhausted, `there is no memory for a tensor of ${bytes} bytes`);
      return tensor;
    },
    deleteTensor: (tensor) => void deleteTensor(tensor),
    dataOf: (tensor) => tensorData(tensor) as Pointer,
    typeOf: (tensor) => tensorType(tensor) as number,
    rankOf: (tensor) => numDims(tensor) as number,
    dimOf: (tensor, i) => Number(dim(tensor, i)),
    bytesOf: (tensor) => Number(byteSize(tensor)),
    copyString: (element, bytes) => void stringCopy(element, bytes, bytes.length),
  };
}

/** later calls on a thread of the pool. */
function later<T>(fn: ReturnType<Declare>, ...args: unknown[]): Promise<T> {
  return new Promise((resolve, reject) => fn.async(...args, (err: unknown, result: T) => (err ? reject(err) : resolve(result))));
}

/** declare loads one of the libraries, for good, and gives what declares its functions. */
async function declare({ koffi, pinLater }: Libc, path: string): Promise<Declare> {
  const is = await stat(path).catch(() => undefined);
  if (is?.isFile() !== true) throw newError(Code.Unavailable, `there is no library ${path}`);
  await pinLater(path);
  const library = koffi.load(path, { lazy: true, global: true });
  return (result, name, ...args) => {
    try {
      return library.func(name, result, args);
    } catch (err) {
      throw newError(Code.Unavailable, `the library ${path} is not TensorFlow's: it has no ${name}`, err);
    }
  };
}

/** checkVersion throws Unavailable for TensorFlow before 2.4, whose strings lie in memory in another way. */
export function checkVersion(path: string, version: string): void {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) * 1000 + Number(minor) >= 2004) return;
  throw newError(Code.Unavailable, `the library ${path} is TensorFlow ${version}; it takes 2.4 or later`);
}

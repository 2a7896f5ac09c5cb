// Data plane. What calls and answers between the two processes say.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type MetaGraphDef, MetaGraphDefSchema } from "@tfs/proto";
import { Code, deadlineExceeded, type Failure, messageOf, newError, toCode, toFailure } from "@tfs/std";
import { newTensor, type Tensor } from "@tfs/tensor";
import type { Chosen, EngineName, Probe } from "../engine.ts";
import { newWriter, type Reader, type Writer } from "./bytes.ts";
import { kind } from "./frame.ts";

/** A failure's text, and what comes along with it, are cut: they end up in trailers and logs. */
const maxChars = 16 * 1024;
const maxDetails = 32;

export const stages = ["restore", "init"] as const;

export interface LoadRequest {
  readonly dir: string;
  readonly tags: readonly string[] | undefined;
}

export interface RunRequest {
  /** leftMs is the time left until the deadline; Infinity without one. */
  readonly leftMs: number;
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly fetches: readonly string[];
}

export interface Loaded {
  readonly metaGraph: MetaGraphDef;
  readonly bytes: number;
  readonly chosen: Chosen | undefined;
}

export function loadFrame(call: number, { dir, tags }: LoadRequest): Writer {
  const w = newWriter(kind.load, call);
  w.text(dir);
  w.u32(tags === undefined ? 0 : 1);
  writeTexts(w, tags ?? []);
  return w;
}

export function readLoad(r: Reader): LoadRequest {
  const dir = r.text();
  const given = r.u32() !== 0;
  const tags = readTexts(r);
  return { dir, tags: given ? tags : undefined };
}

/** runFrame says what is to be run. Throws InvalidArgument for a tensor whose data do not fill its shape. */
export function runFrame(call: number, { leftMs, feeds, fetches }: RunRequest): Writer {
  const w = newWriter(kind.run, call);
  w.f64(leftMs);
  w.u32(feeds.size);
  const data: Uint8Array[] = [];
  for (const [name, tensor] of feeds) {
    newTensor(tensor.dtype, tensor.shape, tensor.data); // the other side counts on a shape that its data fill
    w.text(name);
    data.push(w.tensor(tensor));
  }
  writeTexts(w, fetches);
  w.data(data);
  return w;
}

export function readRun(r: Reader): RunRequest {
  const leftMs = r.f64();
  const later: [string, () => Tensor][] = [];
  for (let n = r.count(20); n > 0; n--) later.push([r.text(), r.tensor()]);
  const fetches = readTexts(r);
  return { leftMs, feeds: new Map(later.map(([name, read]) => [name, read()])), fetches };
}

/** ranFrame answers a run, which took so many milliseconds. */
export function ranFrame(call: number, tensors: readonly Tensor[], ms: number): Writer {
  const w = newWriter(kind.done, call);
  w.f64(ms);
  w.u32(tensors.length);
  w.data(tensors.map((t) => w.tensor(t)));
  return w;
}

export function readRan(r: Reader): { readonly tensors: readonly Tensor[]; readonly ms: number } {
  const ms = r.f64();
  const later: (() => Tensor)[] = [];
  for (let n = r.count(16); n > 0; n--) later.push(r.tensor());
  return { tensors: later.map((read) => read()), ms };
}

/** loadedFrame says what has been loaded: of the meta-graph what callers are told, not the graph, which runs there. */
export function loadedFrame(call: number, { metaGraph, bytes, chosen }: Loaded): Writer {
  const w = newWriter(kind.done, call);
  w.f64(bytes);
  w.text(chosen?.engine ?? "");
  w.text((chosen?.why ?? "").slice(0, maxChars));
  const { metaInfoDef, signatureDef, assetFileDef, objectGraphDef } = metaGraph;
  // Whether there is an object graph tells TensorFlow 2's exports from older ones.
  const graph = objectGraphDef === undefined ? {} : { objectGraphDef: {} };
  w.bytes(toBinary(MetaGraphDefSchema, create(MetaGraphDefSchema, { ...(metaInfoDef && { metaInfoDef }), signatureDef, assetFileDef, ...graph })));
  return w;
}

export function readLoaded(r: Reader): Loaded {
  const bytes = r.f64();
  const [engine, why] = [r.text(), r.text()];
  return { bytes, chosen: engine === "" ? undefined : { engine: engine as EngineName, why }, metaGraph: fromBinary(MetaGraphDefSchema, r.bytes()) };
}

export function probedFrame(call: number, probe: Probe): Writer {
  const w = newWriter(kind.done, call);
  w.u32(probe.ok ? 1 : 0);
  w.text((probe.ok ? probe.version : probe.why).slice(0, maxChars));
  return w;
}

export function readProbe(r: Reader): Probe {
  return r.u32() === 1 ? { ok: true, version: r.text() } : { ok: false, why: r.text() };
}

export function stageFrame(call: number, stage: (typeof stages)[number], ms: number): Writer {
  const w = newWriter(kind.stage, call);
  w.u32(stages.indexOf(stage));
  w.f64(ms);
  return w;
}

export function readStage(r: Reader): { readonly stage: (typeof stages)[number]; readonly ms: number } {
  const stage = stages[r.u32()];
  if (stage === undefined) throw newError(Code.DataLoss, "a stage that no load has");
  return { stage, ms: r.f64() };
}

export function failedFrame(call: number, err: unknown): Writer {
  const { code, message, cause, details } = toFailure(err);
  const w = newWriter(kind.failed, call);
  w.u32(code);
  w.text(message.slice(0, maxChars));
  w.text(cause === undefined ? "" : messageOf(cause).slice(0, maxChars));
  const told = details.slice(0, maxDetails).filter((bytes) => bytes.length <= maxChars);
  w.u32(told.length);
  for (const bytes of told) w.bytes(bytes);
  return w;
}

/** readFailure gives the engine's failure; an expired deadline is the one that all code here compares with. */
export function readFailure(r: Reader): Failure {
  const code = toCode(r.u32());
  const [message, cause] = [r.text(), r.text()];
  const details: Uint8Array[] = [];
  for (let n = r.count(4); n > 0; n--) details.push(r.bytes());
  if (code === deadlineExceeded.code && message === deadlineExceeded.message) return deadlineExceeded;
  return newError(code, message, cause === "" ? undefined : new Error(cause), details);
}

function writeTexts(w: Writer, texts: readonly string[]): void {
  w.u32(texts.length);
  for (const text of texts) w.text(text);
}

function readTexts(r: Reader): string[] {
  const texts: string[] = [];
  for (let n = r.count(4); n > 0; n--) texts.push(r.text());
  return texts;
}

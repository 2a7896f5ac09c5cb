import { open, stat } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import {
  AssetFileDefSchema,
  FingerprintDefSchema,
  type FingerprintDef,
  type MetaGraphDef,
  MetaGraphDefSchema,
  type SavedModel as SavedModelProto,
  SavedModelSchema,
  type SignatureDef,
} from "@tfs/proto";
import { Code, type Ctx, newError, throwIfDone } from "@tfs/std";
import { type Bundle, maxReadBytes, openBundle } from "./bundle.ts";
import { decodeSavedModel } from "./decode.ts";

export interface OpenOptions {
  /** tags choose the meta-graph: its tag set must equal them exactly. Default ["serve"]. */
  readonly tags?: readonly string[];
}

/** SavedModel is an opened directory: the parsed meta-graphs, and variables that are read on demand. Whoever opens it closes it. */
export interface SavedModel extends AsyncDisposable {
  readonly dir: string;
  readonly metaGraphs: readonly MetaGraphDef[];
  /** metaGraph is the one whose tag set was asked for. */
  readonly metaGraph: MetaGraphDef;
  /** metaGraphBytes gives its encoding, in shared memory if the file has that: other threads can parse it too. */
  metaGraphBytes(): Uint8Array;
  readonly signatures: ReadonlyMap<string, SignatureDef>;
  /** assets maps the graph tensor that wants a path ("asset_path:0") to the file's absolute path. */
  readonly assets: ReadonlyMap<string, string>;
  readonly fingerprint: FingerprintDef | undefined;
  /** variables is undefined for a model of constants only. */
  readonly variables: Bundle | undefined;
  close(): Promise<void>;
}

/** protobuf's own limit for one message, and so TensorFlow's for saved_model.pb. */
const maxGraphBytes = 2 ** 31 - 1;

/**
 * openSavedModel reads `dir`. Errors are TensorFlow's own: NotFound if there is no model or no meta-graph with these tags, DataLoss for
 * a file that does not parse, Unimplemented for the SessionBundle form that came before SavedModel.
 */
export async function openSavedModel(ctx: Ctx, dir: string, options: OpenOptions = {}): Promise<SavedModel> {
  throwIfDone(ctx);
  if (await exists(join(dir, "export.meta"))) throw newError(Code.Unimplemented, "Session Bundle is deprecated and removed.");
  const { proto, metaGraphs } = await readProto(dir);
  const tags = options.tags ?? ["serve"];
  const at = proto.metaGraphs.findIndex((m) => sameTags(m.metaInfoDef?.tags ?? [], tags));
  const metaGraph = proto.metaGraphs[at];
  if (metaGraph === undefined) {
    const text = "To inspect available tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`";
    throw newError(Code.NotFound, `Could not find meta graph def matching supplied tags: { ${tags.join(" ")} }. ${text}`);
  }
  const prefix = join(dir, "variables", "variables");
  const variables = (await exists(`${prefix}.index`)) ? await openBundle(ctx, prefix) : undefined;
  const close = async (): Promise<void> => await variables?.close();
  try {
    return {
      dir,
      metaGraphs: proto.metaGraphs,
      metaGraph,
      metaGraphBytes: () => metaGraphs?.[at] ?? toBinary(MetaGraphDefSchema, metaGraph),
      signatures: new Map(Object.entries(metaGraph.signatureDef)),
      assets: assetsOf(dir, metaGraph),
      fingerprint: await readFingerprint(dir),
      variables,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (err) {
    await close();
    throw err;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false; // missing, or not ours to see: both mean that there is nothing to read
  }
}

/** Read is a parsed file, and, if it is a binary one, what its meta-graphs were parsed of. */
interface Read {
  readonly proto: SavedModelProto;
  readonly metaGraphs: readonly Uint8Array[] | undefined;
}

async function readProto(dir: string): Promise<Read> {
  const binary = join(dir, "saved_model.pb");
  if (await exists(binary)) {
    const bytes = await readBounded(binary);
    try {
      return await decodeSavedModel(bytes);
    } catch (err) {
      throw newError(Code.DataLoss, `Can't parse ${binary} as binary proto`, err);
    }
  }
  const text = join(dir, "saved_model.pbtxt");
  if (await exists(text)) {
    const source = new TextDecoder().decode(await readBounded(text));
    try {
      return { proto: fromText(SavedModelSchema, source), metaGraphs: undefined };
    } catch (err) {
      throw newError(Code.DataLoss, `Can't parse ${text} as text proto`, err);
    }
  }
  const what = "Specified file path does not appear to contain a SavedModel bundle (should have a file called `saved_model.pb`)";
  throw newError(Code.NotFound, `${what}\nSpecified file path: ${dir}`);
}

/** readBounded reads a file into shared memory. One that changes meanwhile is read as long as it was, or to its end. */
async function readBounded(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > maxGraphBytes) throw newError(Code.DataLoss, `${path}: ${size} bytes, a protobuf message has at most ${maxGraphBytes}`);
  const bytes = new Uint8Array(new SharedArrayBuffer(size));
  try {
    await using file = await open(path);
    let at = 0;
    for (let got = -1; got !== 0 && at < size; at += got) got = (await file.read(bytes, at, Math.min(size - at, maxReadBytes), at)).bytesRead;
    return bytes.subarray(0, at);
  } catch (err) {
    throw newError(Code.DataLoss, `${path}: cannot be read`, err);
  }
}

function sameTags(have: readonly string[], want: readonly string[]): boolean {
  const [a, b] = [new Set(have), new Set(want)];
  return a.size === b.size && [...a].every((tag) => b.has(tag));
}

/** Assets are listed in the meta-graph, or, in older exports, packed in the collection `saved_model_assets`. */
function assetsOf(dir: string, metaGraph: MetaGraphDef): Map<string, string> {
  const assets = new Map<string, string>();
  const listed = [...metaGraph.assetFileDef];
  const collection = metaGraph.collectionDef["saved_model_assets"]?.kind;
  if (listed.length === 0 && collection?.case === "anyList") {
    for (const [i, any] of collection.value.value.entries()) {
      try {
        listed.push(fromBinary(AssetFileDefSchema, any.value));
      } catch (err) {
        throw newError(Code.DataLoss, `${dir}: entry ${i} of the collection saved_model_assets cannot be parsed`, err);
      }
    }
  }
  for (const asset of listed) {
    const name = normalize(asset.filename);
    if (isAbsolute(name) || name.split(/[\\/]/).includes("..")) throw newError(Code.InvalidArgument, `asset ${asset.filename} lies outside the assets folder`);
    const tensor = asset.tensorInfo?.encoding;
    if (tensor?.case === "name") assets.set(tensor.value, join(dir, "assets", name));
  }
  return assets;
}

async function readFingerprint(dir: string): Promise<FingerprintDef | undefined> {
  const path = join(dir, "fingerprint.pb");
  if (!(await exists(path))) return undefined;
  try {
    return fromBinary(FingerprintDefSchema, await readBounded(path));
  } catch {
    return undefined; // it only labels a model: a damaged one must not keep it from being served
  }
}

// A SavedModel's bytes -> its message, and others have their turns while it is read: nodes are parsed one by one, of which a large graph has many thousands.
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type FunctionDef,
  FunctionDefSchema,
  type FunctionDefLibrary,
  FunctionDefLibrarySchema,
  type GraphDef,
  GraphDefSchema,
  type MetaGraphDef,
  MetaGraphDefSchema,
  NodeDefSchema,
  type SavedModel,
  SavedModelSchema,
} from "@tfs/proto";
import { newPace, type Pace } from "@tfs/std";

/** Work at a time, in milliseconds. */
const sliceMs = 5;

/** Field numbers: saved_model.proto, meta_graph.proto, graph.proto, function.proto. */
const field = { metaGraphs: 2, graphDef: 2, node: 1, library: 2, function: 1, nodeDef: 3 } as const;

/** decodeSavedModel parses a SavedModel, and gives what each meta-graph was parsed of, too: views. Throws as fromBinary does, for what does not parse. */
export async function decodeSavedModel(bytes: Uint8Array): Promise<{ readonly proto: SavedModel; readonly metaGraphs: readonly Uint8Array[] }> {
  const pace = newPace(sliceMs);
  const { rest, taken } = take(bytes, field.metaGraphs);
  const proto = fromBinary(SavedModelSchema, rest);
  for (const part of taken) proto.metaGraphs.push(await metaGraphOf(part, pace));
  return { proto, metaGraphs: taken };
}

async function metaGraphOf(bytes: Uint8Array, pace: Pace): Promise<MetaGraphDef> {
  return await withOne(MetaGraphDefSchema, bytes, field.graphDef, async (meta, part) => {
    meta.graphDef = await graphOf(part, pace);
  });
}

async function graphOf(bytes: Uint8Array, pace: Pace): Promise<GraphDef> {
  const { rest, taken } = take(bytes, field.node);
  const graph = await withOne(GraphDefSchema, rest, field.library, async (graph, part) => {
    graph.library = await libraryOf(part, pace);
  });
  await pushAll(graph.node, NodeDefSchema, taken, pace);
  return graph;
}

async function libraryOf(bytes: Uint8Array, pace: Pace): Promise<FunctionDefLibrary> {
  const { rest, taken } = take(bytes, field.function);
  const library = fromBinary(FunctionDefLibrarySchema, rest);
  for (const part of taken) library.function.push(await functionOf(part, pace));
  return library;
}

async function functionOf(bytes: Uint8Array, pace: Pace): Promise<FunctionDef> {
  const { rest, taken } = take(bytes, field.nodeDef);
  const made = fromBinary(FunctionDefSchema, rest);
  await pushAll(made.nodeDef, NodeDefSchema, taken, pace);
  return made;
}

async function pushAll<D extends DescMessage>(to: MessageShape<D>[], schema: D, parts: readonly Uint8Array[], pace: Pace): Promise<void> {
  for (const part of parts) {
    to.push(fromBinary(schema, part));
    if (pace.isOver()) await pace.rest();
  }
}

/** withOne parses a message, one field of which is parsed apart. Several of a field that stands for one are merged (protobuf encoding, "Last One Wins"): left to fromBinary. */
async function withOne<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
  number: number,
  set: (message: MessageShape<D>, part: Uint8Array) => Promise<void>,
): Promise<MessageShape<D>> {
  const { rest, taken } = take(bytes, number);
  if (taken.length !== 1) return fromBinary(schema, bytes);
  const message = fromBinary(schema, rest);
  await set(message, taken[0]!);
  return message;
}

interface Taken {
  /** rest is the message without them. */
  readonly rest: Uint8Array;
  readonly taken: readonly Uint8Array[];
}

/** take cuts what a field of messages holds out of a message: the parts are views. */
function take(bytes: Uint8Array, number: number): Taken {
  const reader = new BinaryReader(bytes);
  const taken: Uint8Array[] = [];
  const kept: Uint8Array[] = [];
  let from = 0;
  while (reader.pos < reader.len) {
    const at = reader.pos;
    const [fieldNumber, wireType] = reader.tag();
    if (fieldNumber === number && wireType === WireType.LengthDelimited) {
      kept.push(bytes.subarray(from, at));
      taken.push(reader.bytes());
      from = reader.pos;
    } else {
      reader.skip(wireType, fieldNumber);
    }
  }
  kept.push(bytes.subarray(from));
  const rest = Buffer.concat(kept);
  return { rest: new Uint8Array(rest.buffer, rest.byteOffset, rest.length), taken };
}

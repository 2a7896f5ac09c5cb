import { create } from "@bufbuild/protobuf";
import { type Example, ExampleSchema, type Feature, FeatureSchema, type Input, InputSchema } from "@tfs/proto";
import { Code, newError } from "@tfs/std";
import { type Document, invalid, parseDocument } from "./document.ts";
import { base64Of, decodeBase64 } from "./fill.ts";
import { double, integer, isInteger } from "./number.ts";
import { elements, kindOf, members, type Range, stringBytes } from "./scan.ts";

/** ExamplesRequest is a parsed classify or regress body. */
export interface ExamplesRequest {
  readonly signatureName: string;
  readonly input: Input;
}

/** How much of a request's examples there may be: each value counts one; an example and a feature, which are objects of their own, count eight. */
const unitsMax = 8_000_000;
const objectUnits = 8;

/** Take counts units of what is being read. Throws InvalidArgument past the most that one request may have. */
type Take = (units: number) => void;

/** parseExamples reads `examples` (at least one) and an optional `context`. Throws InvalidArgument in TensorFlow Serving's words. */
export function parseExamples(body: Uint8Array): ExamplesRequest {
  const document = parseDocument(body);
  let taken = 0;
  const take: Take = (units) => {
    taken += units;
    if (taken > unitsMax)
      throw newError(
        Code.InvalidArgument,
        `the examples are too many or too large: values count 1, examples and features ${objectUnits}, and there may be ${unitsMax}`,
      );
  };
  const context = document.get("context");
  const shared = context === undefined ? undefined : exampleOf(document, context, take);
  const list = document.get("examples");
  // The text speaks of classify for both verbs, as upstream's does.
  if (list === undefined) throw invalid(document, "When method is classify, key 'examples' is expected and was not found");
  if (kindOf(document.bytes, list.start) !== "Array") throw invalid(document, "Expecting 'examples' value to be an list/array");
  const examples = Array.from(elements(document.bytes, list), (range) => exampleOf(document, range, take));
  if (examples.length === 0) throw invalid(document, "'examples' value is an empty array");
  const input = create(InputSchema, {
    kind: shared === undefined ? { case: "exampleList", value: { examples } } : { case: "exampleListWithContext", value: { examples, context: shared } },
  });
  return { signatureName: document.signatureName, input };
}

function exampleOf(document: Document, range: Range, take: Take): Example {
  take(objectUnits);
  const kind = kindOf(document.bytes, range.start);
  if (kind !== "Object") throw newError(Code.InvalidArgument, `Example must be JSON object but got JSON ${kind}`);
  const feature: Record<string, Feature> = {};
  for (const { name, value } of members(document.bytes, range)) {
    // Of two features of one name the later one counts. A name may be __proto__.
    Object.defineProperty(feature, name, { value: featureOf(document.bytes, name, value, take), enumerable: true, writable: true, configurable: true });
  }
  return create(ExampleSchema, { features: { feature } });
}

type Item =
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "int64"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number };

type ItemKind = Item["kind"];

function featureOf(bytes: Uint8Array, name: string, range: Range, take: Take): Feature {
  take(objectUnits);
  const ranges = kindOf(bytes, range.start) === "Array" ? elements(bytes, range) : [range];
  const values: Item["value"][] = [];
  let kind: ItemKind | undefined;
  for (const at of ranges) {
    take(1);
    const item = itemOf(bytes, name, at, kind);
    kind = item.kind;
    values.push(item.value);
  }
  switch (kind) {
    case "bytes":
      return create(FeatureSchema, { kind: { case: "bytesList", value: { value: values as Uint8Array[] } } });
    case "int64":
      return create(FeatureSchema, { kind: { case: "int64List", value: { value: values.map(String) } } });
    case "float":
      return create(FeatureSchema, { kind: { case: "floatList", value: { value: values as number[] } } });
    default:
      return create(FeatureSchema); // an empty list: the feature is there, without a kind
  }
}

/** itemOf reads an element of a feature whose first ones are of kind `want`. */
function itemOf(bytes: Uint8Array, name: string, range: Range, want: ItemKind | undefined): Item {
  const isOf = (kind: ItemKind): void => {
    if (want !== undefined && want !== kind) throw newError(Code.InvalidArgument, `Unexpected element type in feature: ${name} expecting type: ${want}`);
  };
  const json = kindOf(bytes, range.start);
  switch (json) {
    case "String":
      isOf("bytes");
      return { kind: "bytes", value: stringBytes(bytes, range) };
    case "True":
    case "False":
      isOf("int64");
      return { kind: "int64", value: json === "True" ? 1n : 0n };
    case "Number": {
      const whole = integer(bytes, range);
      isOf(isInteger(whole) ? "int64" : "float");
      if (!isInteger(whole)) return { kind: "float", value: Math.fround(double(bytes, range)) };
      if (whole > 2n ** 63n - 1n) throw newError(Code.InvalidArgument, `Feature: ${name} has uint64_t element. Only int64_t is supported.`);
      return { kind: "int64", value: BigInt(whole) };
    }
    default: {
      const encoded = base64Of(bytes, range);
      if (encoded === undefined) throw newError(Code.InvalidArgument, `Feature: ${name} has element with unexpected JSON type: ${json}`);
      isOf("bytes");
      return { kind: "bytes", value: decodeBase64(bytes, encoded) };
    }
  }
}

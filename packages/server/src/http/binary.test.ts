// Predict with arrays of numpy, over real sockets; what numpy itself says to them is in numpy.interop.test.ts.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { parseNpy, parseNpz, printNpy, printNpz } from "@tfs/rest";
import { DType, newTensor, type Tensor } from "@tfs/tensor";
import { send, serve } from "../testing/index.ts";

const npy = "application/x-npy";
const npz = "application/x-npz";
const served = await serve(["half_plus_two", "second_model", "dtype_string", "dtype_complex64", "digits"], { cors: true });
after(() => served[Symbol.asyncDispose]());

const f32 = (shape: number[], ...values: number[]): Tensor => newTensor(DType.Float, shape, Float32Array.from(values));
const x = f32([2, 1], 1, 2);
const y = f32([2, 1], 3.5, 4); // the newest version of half_plus_two adds three
const call = (model: string, query = ""): string => `${served.rest}/v1/models/${model}:predict${query}`;

test("npy in, npy out", async () => {
  const got = await send("POST", call("half_plus_two"), printNpy("x", x), { "content-type": npy, accept: npy });
  assert.deepEqual([got.status, got.headers["content-type"], got.headers["access-control-allow-origin"]], [200, npy, "*"]);
  const answer = parseNpy(got.bytes, "y", undefined);
  assert.deepEqual(answer, y);
});

const rows: { name: string; query?: string; headers: Record<string, string>; body: string | Uint8Array; want: [type: string, body: RegExp | Tensor] }[] = [
  {
    name: "npy in, JSON out in columns",
    headers: { "content-type": npy },
    body: printNpy("x", f32([2], 1, 2)),
    want: ["application/json", /^\{\n {4}"outputs": \[\n {8}\d/],
  },
  { name: "JSON in, npy out", headers: { accept: npy }, body: '{"instances":[[1.0],[2.0]]}', want: [npy, y] },
  { name: "JSON is preferred", headers: { accept: `application/json, ${npy};q=0.5` }, body: '{"instances":[1.0]}', want: ["application/json", /predictions/] },
  { name: "an array is preferred", headers: { accept: `application/json;q=0.1, ${npy}, */*` }, body: '{"instances":[[1.0],[2.0]]}', want: [npy, y] },
  {
    name: "anything is JSON",
    headers: { accept: "*/*", "content-type": "text/plain" },
    body: '{"instances":[1.0]}',
    want: ["application/json", /predictions/],
  },
  {
    name: "a content type with parameters and capitals",
    headers: { "content-type": "Application/X-NPY; v=1", accept: npy },
    body: printNpy("x", x),
    want: [npy, y],
  },
  { name: "a gzipped array", headers: { "content-type": npy, accept: npy, "content-encoding": "gzip" }, body: gzipSync(printNpy("x", x)), want: [npy, y] },
  { name: "the output chosen", query: "?output=y", headers: { "content-type": npy, accept: npy }, body: printNpy("x", x), want: [npy, y] },
  {
    name: "the signature named",
    query: "?signature_name=serving_default",
    headers: { "content-type": npy, accept: npy },
    body: printNpy("x", x),
    want: [npy, y],
  },
];
for (const { name, query, headers, body, want } of rows) {
  test(`arrays: ${name}`, async () => {
    const got = await send("POST", call("half_plus_two", query), body, headers);
    assert.deepEqual([got.status, got.headers["content-type"]], [200, want[0]], got.body);
    if (want[1] instanceof RegExp) assert.match(got.body, want[1]);
    else assert.deepEqual(parseNpy(got.bytes, "y", undefined), want[1]);
  });
}

test("arrays: several inputs and outputs go as npz", async () => {
  const inputs = new Map([
    ["features", f32([2, 4], 1, 2, 3, 4, 5, 6, 7, 8)],
    ["counts", newTensor(DType.Int32, [2, 3], Int32Array.of(1, 2, 3, 4, 5, 6))],
  ]);
  const got = await send("POST", call("second_model"), printNpz(inputs), { "content-type": npz, accept: npz });
  assert.deepEqual([got.status, got.headers["content-type"]], [200, npz], got.body);
  const answer = parseNpz(
    got.bytes,
    new Map([
      ["total", undefined],
      ["weighted", undefined],
    ]),
  );
  const asJson = await send("POST", call("second_model"), printNpz(inputs), { "content-type": npz });
  const { outputs } = JSON.parse(asJson.body) as { readonly outputs: Readonly<Record<string, readonly number[]>> };
  assert.deepEqual(Array.from(answer.get("total")!.data as Int32Array), outputs["total"]);
  assert.deepEqual(answer.get("weighted")!.shape, [2, 3]);
  const one = await send("POST", call("second_model", "?output=total"), printNpz(inputs), { "content-type": npz, accept: npy });
  assert.deepEqual(parseNpy(one.bytes, "total", undefined), answer.get("total"));
});

const bad: {
  name: string;
  model?: string;
  query?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  status: number;
  error: string | RegExp;
}[] = [
  {
    name: "JSON under the name of an array",
    body: '{"instances":[1]}',
    status: 400,
    error: "x is no npy array that can be read: it does not start with \\x93NUMPY",
  },
  {
    name: "another dtype than the model's",
    body: printNpy("x", newTensor(DType.Double, [1], Float64Array.of(1))),
    status: 400,
    error: "Expects arg[0] to be float but double is provided",
  },
  { name: "an unknown model", model: "none", status: 404, error: "Servable not found for request: Latest(none)" },
  { name: "an unknown version", model: "half_plus_two/versions/9", status: 404, error: "Servable not found for request: Specific(half_plus_two, 9)" },
  { name: "an unknown signature", query: "?signature_name=nope", status: 400, error: 'Serving signature name: "nope" not found in signature def' },
  { name: "an unknown output", query: "?output=z", status: 400, error: "output tensor alias not found in signature: z Outputs expected to be in the set {y}." },
  { name: "an unknown key of the query", query: "?x=1", status: 400, error: "the query of a call with arrays knows signature_name and output, not x" },
  {
    name: "one array for two inputs",
    model: "second_model",
    status: 400,
    error: `${npy} carries one array, and the signature has the inputs {counts, features}: send ${npz}`,
  },
  {
    name: "an array of strings",
    model: "dtype_string",
    body: printNpy("x", f32([1], 1)),
    status: 400,
    error: "Expects arg[0] to be string but float is provided",
  },
  {
    name: "strings as an array",
    model: "dtype_string",
    headers: { accept: npy },
    body: '{"instances":["a"]}',
    status: 400,
    error: "output y is string, which an npy array does not carry",
  },
  {
    name: "two outputs as one array",
    model: "digits",
    body: printNpy("image", newTensor(DType.Float, [1, 8, 8, 1], new Float32Array(64))),
    status: 400,
    error: `${npy} carries one array, and the answer has {digit, scores}: choose with ?output=NAME, or accept ${npz}`,
  },
  {
    name: "an input that is missing",
    headers: { "content-type": npz },
    body: printNpz(new Map()),
    status: 400,
    error: /^input size does not match signature: 0!=1/,
  },
  {
    name: "complex numbers as JSON",
    model: "dtype_complex64",
    headers: { "content-type": npy },
    body: printNpy("x", newTensor(DType.Complex64, [1], Float32Array.of(1, 2))),
    status: 400,
    error: "Failed to write JSON value for tensor type: complex64",
  },
  {
    name: "a body that is too long when unzipped",
    headers: { "content-type": npy, "content-encoding": "gzip" },
    body: gzipSync(Buffer.alloc(104_857_601)),
    status: 400,
    error: /does not start with/,
  },
];
for (const { name, model = "half_plus_two", query, headers, body, status, error } of bad) {
  test(`arrays refused: ${name}`, async () => {
    const got = await send("POST", call(model, query), body ?? printNpy("x", x), headers ?? { "content-type": npy, accept: npy });
    assert.deepEqual([got.status, got.headers["content-type"]], [status, "application/json"], got.body);
    const said = (JSON.parse(got.body) as { readonly error: string }).error;
    if (error instanceof RegExp) assert.match(said, error);
    else assert.equal(said, error);
  });
}
test("a query stays a part of the path where no array is sent or wanted", async () => {
  const got = await send("POST", call("half_plus_two", "?output=y"), '{"instances":[1.0]}', { accept: "application/json" });
  assert.deepEqual([got.status, JSON.parse(got.body)], [400, { error: "Malformed request: POST /v1/models/half_plus_two:predict?output=y" }]);
});

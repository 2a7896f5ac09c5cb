import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { ModelVersionStatus_State as State } from "@tfs/proto";
import { type ListModelsResponse, ListModelsResponseSchema, type ModelSchema } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { merge } from "./merge.ts";

type ModelInit = MessageInitShape<typeof ModelSchema>;

/** server is what one model server answers. */
const server = (...models: ModelInit[]): ListModelsResponse => create(ListModelsResponseSchema, { models, serversAsked: 1, serversAnswered: 1 });
const at = (version: bigint, state: (typeof State)[keyof typeof State], more: object = {}) => ({ version, state, servers: [{ state, servers: 1 }], ...more });
const model = (name: string, versions: ReturnType<typeof at>[], labels: Record<string, bigint> = {}): ModelInit => ({
  name,
  versions,
  labels: Object.entries(labels).map(([label, version]) => ({ label, version, servers: 1 })),
  servers: 1,
});
const ranBy = (engine: string, reason: string) => ({ engines: [{ engine, reason, servers: 1 }] });
const failed = { error: { code: 5, message: "no such file" } };

const rows: readonly { readonly name: string; readonly answers: readonly ListModelsResponse[]; readonly want: readonly ModelInit[] }[] = [
  { name: "no models are none", answers: [server(), server()], want: [] },
  {
    name: "models of different servers come together, by name",
    answers: [server(model("b", []), model("c", [])), server(model("a", []))],
    want: [model("a", []), model("b", []), model("c", [])],
  },
  {
    name: "servers that have the same are counted",
    answers: [server(model("m", [at(1n, State.AVAILABLE)])), server(model("m", [at(1n, State.AVAILABLE)]))],
    want: [{ name: "m", servers: 2, versions: [{ version: 1n, state: State.AVAILABLE, servers: [{ state: State.AVAILABLE, servers: 2 }] }] }],
  },
  {
    name: "versions of different servers come together, the highest first",
    answers: [server(model("m", [at(9n, State.AVAILABLE)])), server(model("m", [at(10n, State.AVAILABLE), at(2n, State.AVAILABLE)]))],
    want: [{ name: "m", servers: 2, versions: [at(10n, State.AVAILABLE), at(9n, State.AVAILABLE), at(2n, State.AVAILABLE)] }],
  },
  {
    name: "a version that any has available is available, and why it failed elsewhere is told",
    answers: [server(model("m", [at(1n, State.END, failed)])), server(model("m", [at(1n, State.END)])), server(model("m", [at(1n, State.AVAILABLE)]))],
    want: [
      {
        name: "m",
        servers: 3,
        versions: [
          {
            version: 1n,
            state: State.AVAILABLE,
            ...failed,
            servers: [
              { state: State.AVAILABLE, servers: 1 },
              { state: State.END, servers: 2 },
            ],
          },
        ],
      },
    ],
  },
  {
    name: "a version that none has available stands where most have it",
    answers: [server(model("m", [at(1n, State.LOADING)])), server(model("m", [at(1n, State.END)])), server(model("m", [at(1n, State.END)]))],
    want: [
      {
        name: "m",
        servers: 3,
        versions: [
          {
            version: 1n,
            state: State.END,
            servers: [
              { state: State.LOADING, servers: 1 },
              { state: State.END, servers: 2 },
            ],
          },
        ],
      },
    ],
  },
  {
    name: "a label that means different versions comes once for each, that of most servers first",
    answers: [server(model("m", [], { b: 1n, a: 7n })), server(model("m", [], { b: 2n })), server(model("m", [], { b: 2n }))],
    want: [
      {
        name: "m",
        servers: 3,
        labels: [
          { label: "a", version: 7n, servers: 1 },
          { label: "b", version: 2n, servers: 2 },
          { label: "b", version: 1n, servers: 1 },
        ],
      },
    ],
  },
  {
    name: "engines are counted, that of most servers first",
    answers: [
      server(model("m", [at(1n, State.AVAILABLE, ranBy("embedded", "alone"))])),
      server(model("m", [at(1n, State.AVAILABLE, ranBy("openvino", "quick"))])),
      server(model("m", [at(1n, State.LOADING)])),
      server(model("m", [at(1n, State.AVAILABLE, ranBy("openvino", "quicker"))])),
    ],
    want: [
      {
        name: "m",
        servers: 4,
        versions: [
          {
            version: 1n,
            state: State.AVAILABLE,
            servers: [
              { state: State.LOADING, servers: 1 },
              { state: State.AVAILABLE, servers: 3 },
            ],
            engines: [
              { engine: "openvino", reason: "quick", servers: 2 },
              { engine: "embedded", reason: "alone", servers: 1 },
            ],
          },
        ],
      },
    ],
  },
  {
    name: "signatures are those of a server that tells them",
    answers: [server(model("m", [at(1n, State.LOADING)])), server(model("m", [at(1n, State.AVAILABLE, { signatures: { s: { methodName: "x" } } })]))],
    want: [
      {
        name: "m",
        servers: 2,
        versions: [
          {
            version: 1n,
            state: State.AVAILABLE,
            signatures: { s: { methodName: "x" } },
            servers: [
              { state: State.LOADING, servers: 1 },
              { state: State.AVAILABLE, servers: 1 },
            ],
          },
        ],
      },
    ],
  },
  {
    name: "a model that one server finds no versions of has its error",
    answers: [server(model("m", [])), server({ name: "m", servers: 1, ...failed })],
    want: [{ name: "m", servers: 2, ...failed }],
  },
];
for (const tc of rows) {
  test(`merge: ${tc.name}`, () => {
    const { models, serversAnswered } = merge(tc.answers);
    assert.deepEqual(
      toJson(ListModelsResponseSchema, create(ListModelsResponseSchema, { models })),
      toJson(ListModelsResponseSchema, create(ListModelsResponseSchema, { models: [...tc.want] })),
    );
    assert.equal(serversAnswered, tc.answers.length);
  });
}

test("merge: lists that were merged before add up", () => {
  const one = server(model("m", [at(1n, State.AVAILABLE, ranBy("embedded", "alone"))], { a: 1n }));
  const two = create(ListModelsResponseSchema, merge([one, one]));
  assert.deepEqual(merge([two, one]), merge([one, one, one]));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { DataType, PredictRequestSchema } from "@tfs/proto";
import { readJson } from "./form.ts";

const x = (dtype: string, more = ""): string => `{"inputs":{"x":{"dtype":${dtype},"floatVal":[1]}}${more}}`;
const rows: readonly { readonly name: string; readonly json: string; readonly want: number | RegExp }[] = [
  { name: "an enum's value by its name", json: x('"DT_FLOAT"'), want: DataType.DT_FLOAT },
  { name: "an enum's value by its number, known or not", json: x("99"), want: 99 },
  { name: "a field that is not known, ignored", json: x('"DT_FLOAT"', ',"priority":{"b":[1]}'), want: DataType.DT_FLOAT },
  {
    name: "an enum's value by a name that is not known, refused",
    json: x('"DT_FLAOT"'),
    want: /^cannot decode enum tensorflow\.DataType from JSON: "DT_FLAOT"$/,
  },
  { name: "a value of another type behind a field that is not known, refused", json: x("true", ',"priority":1'), want: /DataType from JSON: true/ },
  { name: "no JSON", json: "{", want: /JSON/ },
];
for (const { name, json, want } of rows) {
  test(`JSON: ${name}`, () => {
    const read = () => readJson(PredictRequestSchema, json, undefined).inputs["x"]?.dtype;
    if (want instanceof RegExp) assert.throws(read, { message: want });
    else assert.equal(read(), want);
  });
}

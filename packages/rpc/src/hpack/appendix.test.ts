import assert from "node:assert/strict";
import { test } from "node:test";
import { newDecoder } from "./index.ts";
import { newReference } from "./testing/index.ts";

type Pair = readonly [name: string, value: string];

interface Step {
  readonly hex: string;
  readonly list: readonly Pair[];
  /** The table afterwards, the newest first. */
  readonly table: readonly Pair[];
  readonly sensitive?: boolean;
}

const get: readonly Pair[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
];
const authority: Pair = [":authority", "www.example.com"];
const noCache: Pair = ["cache-control", "no-cache"];
const custom: Pair = ["custom-key", "custom-value"];
const requests = (...hex: readonly [string, string, string]): readonly Step[] => [
  { hex: hex[0], list: [...get, authority], table: [authority] },
  { hex: hex[1], list: [...get, authority, noCache], table: [noCache, authority] },
  {
    hex: hex[2],
    list: [[":method", "GET"], [":scheme", "https"], [":path", "/index.html"], authority, custom],
    table: [custom, noCache, authority],
  },
];

const found: Pair = [":status", "302"];
const moved: Pair = [":status", "307"];
const secret: Pair = ["cache-control", "private"];
const date: Pair = ["date", "Mon, 21 Oct 2013 20:13:21 GMT"];
const later: Pair = ["date", "Mon, 21 Oct 2013 20:13:22 GMT"];
const location: Pair = ["location", "https://www.example.com"];
const gzip: Pair = ["content-encoding", "gzip"];
const cookie: Pair = ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"];
const responses = (...hex: readonly [string, string, string]): readonly Step[] => [
  { hex: hex[0], list: [found, secret, date, location], table: [location, date, secret, found] },
  { hex: hex[1], list: [moved, secret, date, location], table: [moved, location, date, secret] },
  { hex: hex[2], list: [[":status", "200"], secret, later, location, gzip, cookie], table: [cookie, gzip, later] },
];

const cases: readonly { readonly name: string; readonly tableBytes?: number; readonly steps: readonly Step[] }[] = [
  {
    name: "C.2.1: a literal with indexing enters the table",
    steps: [
      {
        hex: "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
        list: [["custom-key", "custom-header"]],
        table: [["custom-key", "custom-header"]],
      },
    ],
  },
  { name: "C.2.2: a literal without indexing does not", steps: [{ hex: "040c2f73616d706c652f70617468", list: [[":path", "/sample/path"]], table: [] }] },
  {
    name: "C.2.3: a literal never indexed does not, and is sensitive",
    steps: [{ hex: "100870617373776f726406736563726574", list: [["password", "secret"]], table: [], sensitive: true }],
  },
  { name: "C.2.4: an indexed field comes from the static table", steps: [{ hex: "82", list: [[":method", "GET"]], table: [] }] },
  {
    name: "C.3: requests without Huffman coding",
    steps: requests("828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865", "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565"),
  },
  {
    name: "C.4: requests with Huffman coding",
    steps: requests("828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"),
  },
  {
    name: "C.5: responses without Huffman coding, in a table of 256 bytes",
    tableBytes: 256,
    steps: responses(
      "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
      "4803333037c1c0bf",
      "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ),
  },
  {
    name: "C.6: responses with Huffman coding, in a table of 256 bytes",
    tableBytes: 256,
    steps: responses(
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ),
  },
];
for (const tc of cases)
  test(tc.name, () => {
    const maxTableBytes = tc.tableBytes ?? 4096;
    const decoder = newDecoder({ maxTableBytes, maxListBytes: 4096, kind: "request" });
    const decode = (block: Buffer) => decoder.decode(block, 0, block.length).fields.list;
    const reference = newReference(maxTableBytes);
    for (const { hex, list, table, sensitive = false } of tc.steps) {
      const block = Buffer.from(hex, "hex");
      const want = list.map(([name, value]) => [name, value, sensitive]);
      assert.deepEqual(reference.decode(block), want);
      assert.deepEqual(reference.table, table);
      for (const _ of sensitive || table.length === 0 ? [1, 2] : [1]) {
        assert.deepEqual(
          decode(block).map((field) => [field.name, field.value, field.sensitive]),
          want,
        );
      }
      assert.deepEqual(
        table.map((_, i) => decode(Buffer.of(0x80 | (62 + i)))[0]).map((field) => [field?.name, field?.value]),
        table,
      );
      assert.throws(() => decode(Buffer.of(0x80 | (62 + table.length))), /an index past the table/);
    }
  });

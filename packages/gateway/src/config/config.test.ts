import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, isFailure, parseFlags } from "@tfs/std";
import { configOf, defaults, flags, parseConfigFile } from "./index.ts";

/** read is what main does with argv and the file's text. */
const read = (argv: readonly string[], file?: string) =>
  configOf(parseFlags(flags, argv), file === undefined ? undefined : parseConfigFile(file, "gateway.yaml"));

const yaml = `
listen: { host: 127.0.0.1, port: 9100 }
backends:
  - address: 10.0.0.1:8500
  - address: "[::1]:8500"
workers: 3
drainTimeout: 2.5s
maxRequestBytes: 1048576
descriptorSets: [a.binpb, b.binpb]
`;
const fromFile = {
  ...defaults,
  host: "127.0.0.1",
  port: 9100,
  backends: ["10.0.0.1:8500", "[::1]:8500"],
  workers: 3,
  drainMs: 2500,
  descriptorSets: ["a.binpb", "b.binpb"],
  maxRequestBytes: 1 << 20,
  maxHeldRequestBytes: 256 << 20,
  restNumbers: "tensorflow",
  restTimeoutMs: 30_000,
  adminPort: 0,
  adminHost: "127.0.0.1",
  unknownServices: "forward",
  requestIds: "web",
  corsOrigins: [],
  reflection: true,
};

const good = [
  { name: "backends are all that is needed", argv: ["--backends=a:1,b:2"], want: { ...defaults, backends: ["a:1", "b:2"] } },
  { name: "a value may follow its flag", argv: ["--backends", "a:1", "--port", "9001"], want: { ...defaults, backends: ["a:1"], port: 9001 } },
  {
    name: "blanks and empty places in the list are nothing",
    argv: ["--backends= a:1 ,, unix:/run/b.sock,"],
    want: { ...defaults, backends: ["a:1", "unix:/run/b.sock"] },
  },
  { name: "a file says it all", argv: [], file: yaml, want: fromFile },
  {
    name: "JSON is YAML",
    argv: [],
    file: JSON.stringify({ backends: [{ address: "a:1" }], workers: 2 }),
    want: { ...defaults, backends: ["a:1"], workers: 2 },
  },
  {
    name: "numbers and the bound of all bodies come from the file",
    argv: [],
    file: "backends: [{address: 'a:1'}]\nrestNumbers: NUMBERS_SHORTEST\nmaxHeldRequestBytes: 7",
    want: { ...defaults, backends: ["a:1"], restNumbers: "shortest", maxHeldRequestBytes: 7 },
  },
  {
    name: "and from flags, which win",
    argv: ["--rest_api_numbers=tensorflow", "--max_held_request_bytes=8"],
    file: "backends: [{address: 'a:1'}]\nrestNumbers: NUMBERS_SHORTEST\nmaxHeldRequestBytes: 7",
    want: { ...defaults, backends: ["a:1"], maxHeldRequestBytes: 8 },
  },
  {
    name: "field names may be written as in the .proto file",
    argv: [],
    file: "backends: [{address: 'a:1'}]\nmax_request_bytes: 5",
    want: { ...defaults, backends: ["a:1"], maxRequestBytes: 5 },
  },
  {
    name: "flags override the file, one by one",
    argv: ["--port=1", "--backends=c:3", "--workers=1", "--drain_ms=7", "--max_request_bytes=8", "--host=::1", "--descriptor_set=c.binpb, d.binpb"],
    file: yaml,
    want: { ...fromFile, port: 1, backends: ["c:3"], workers: 1, drainMs: 7, maxRequestBytes: 8, host: "::1", descriptorSets: ["c.binpb", "d.binpb"] },
  },
  { name: "a flag may take a setting of the file back to its zero", argv: ["--port=0", "--host="], file: yaml, want: { ...fromFile, port: 0, host: "" } },
  { name: "an empty file is a file that sets nothing", argv: ["--backends=a:1"], file: "# nothing here\n", want: { ...defaults, backends: ["a:1"] } },
  { name: "zero in a file is the default", argv: ["--backends=a:1"], file: "workers: 0\nlisten: {port: 0}", want: { ...defaults, backends: ["a:1"] } },
  {
    name: "origins of browsers' pages are a list",
    argv: ["--backends=a:1", "--cors_origins=https://a.example, http://localhost:3000"],
    want: { ...defaults, backends: ["a:1"], corsOrigins: ["https://a.example", "http://localhost:3000"] },
  },
  { name: "or all of them", argv: ["--backends=a:1", "--cors_origins=*"], want: { ...defaults, backends: ["a:1"], corsOrigins: ["*"] } },
  { name: "as many workers as there may be", argv: ["--backends=a:1", "--workers=256"], want: { ...defaults, backends: ["a:1"], workers: 256 } },
];
for (const tc of good) test(`config: ${tc.name}`, () => assert.deepEqual(read(tc.argv, tc.file), tc.want));

const bad = [
  { name: "no backends", argv: [], want: /^no backends: give --backends/ },
  { name: "a file without backends", argv: [], file: "workers: 1", want: /^no backends/ },
  { name: "a backend that is no address", argv: ["--backends=a:1,nowhere"], want: /"nowhere" is not HOST:PORT/ },
  { name: "a backend with port 0", argv: ["--backends=a:0"], want: /"a:0" is not/ },
  { name: "a backend listed twice", argv: ["--backends=a:1,b:1,a:1"], want: /backend a:1 is listed twice/ },
  { name: "no workers", argv: ["--backends=a:1", "--workers=0"], want: /workers is 0; it must be 1 to 256/ },
  { name: "one worker too many", argv: ["--backends=a:1", "--workers=257"], want: /workers is 257/ },
  { name: "a port beyond ports", argv: ["--backends=a:1", "--port=65536"], want: /port is 65536; it must be 0 to 65535/ },
  { name: "an origin with a path", argv: ["--backends=a:1", "--cors_origins=https://a.example/"], want: /"https:\/\/a\.example\/" is not SCHEME/ },
  { name: "an origin without a scheme", argv: ["--backends=a:1", "--cors_origins=a.example"], want: /"a\.example" is not SCHEME/ },
  { name: "an origin in capitals, which no browser sends", argv: ["--backends=a:1", "--cors_origins=https://A.example"], want: /in lower case/ },
  { name: "the origin of pages that have none", argv: ["--backends=a:1", "--cors_origins=null"], want: /"null" is not SCHEME/ },
  { name: "all origins and one more", argv: ["--backends=a:1", "--cors_origins=*,https://a.example"], want: /it stands alone/ },
  {
    name: "what becomes of unknown services, misspelled",
    argv: ["--backends=a:1", "--unknown_services=drop"],
    want: /unknown_services is drop; it must be forward or refuse/,
  },
  { name: "ids for nobody known", argv: ["--backends=a:1", "--request_ids=grpc"], want: /request_ids is grpc; it must be web or all/ },
  { name: "negative time", argv: ["--backends=a:1", "--drain_ms=-1"], want: /drain_ms is -1/ },
  { name: "a body limit of nothing", argv: ["--backends=a:1", "--max_request_bytes=0"], want: /max_request_bytes is 0/ },
  {
    name: "a body limit of more than a gigabyte",
    argv: [],
    file: "backends: [{address: 'a:1'}]\nmaxRequestBytes: 1073741825",
    want: /max_request_bytes is 1073741825; it must be 1 to 1073741824/,
  },
  {
    name: "a way to print numbers that there is not",
    argv: ["--backends=a:1", "--rest_api_numbers=short"],
    want: /rest_api_numbers is short; it must be one of tensorflow, shortest/,
  },
  { name: "no room for any body", argv: ["--backends=a:1", "--max_held_request_bytes=0"], want: /max_held_request_bytes is 0/ },
  { name: "an unknown flag, with the nearest name", argv: ["--backend=a:1"], want: /unknown flag --backend; did you mean --backends\?/ },
  { name: "a flag that is no number", argv: ["--port=http"], want: /http for flag port/ },
  { name: "a word that is no flag", argv: ["serve"], want: /unknown argument: serve/ },
  { name: "an unknown field, by name and file", argv: [], file: "backends: []\nworker: 2", want: /^gateway\.yaml: .*"worker"/ },
  { name: "an unknown field inside another", argv: [], file: "listen: { prot: 1 }", want: /^gateway\.yaml: .*"prot"/ },
  { name: "a field of the wrong type", argv: [], file: "workers: many", want: /^gateway\.yaml: .*workers/ },
  { name: "a duration without a unit", argv: [], file: "drainTimeout: 10", want: /^gateway\.yaml: / },
  { name: "broken YAML", argv: [], file: "listen: [", want: /^gateway\.yaml: / },
  { name: "a key twice", argv: [], file: "workers: 1\nworkers: 2", want: /^gateway\.yaml: Map keys must be unique/ },
  { name: "a list where a map belongs", argv: [], file: "- a\n- b", want: /^gateway\.yaml: / },
  { name: "a bomb of aliases", argv: [], file: bomb(), want: /^gateway\.yaml: Excessive alias count/ },
];
for (const tc of bad) {
  test(`config: ${tc.name} is refused`, () => {
    assert.throws(
      () => read(tc.argv, tc.file),
      (err) => isFailure(err) && err.code === Code.InvalidArgument && tc.want.test(err.message),
    );
  });
}

/** bomb is a YAML text that would grow a thousandfold with each line. */
function bomb(): string {
  const lines = ["a0: &a0 [x]"];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(",")}]`,
    );
  return lines.join("\n");
}

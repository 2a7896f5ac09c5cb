import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeOf, type Flag, nearest, parseFlags, usage } from "./index.ts";

const flags: readonly Flag[] = [
  { name: "port", kind: "int", fallback: 8500, group: "Network", help: "where gRPC listens" },
  { name: "model_name", kind: "string", fallback: "default", group: "Model", help: "the model's name" },
  { name: "model_base_path", kind: "string", fallback: "", group: "Model", help: "where it lies" },
  { name: "enable_batching", kind: "bool", fallback: false, group: "Model", help: "joins requests" },
  { name: "rest_api_port", kind: "int", fallback: 8501, also: ["http_port"], group: "Network", help: "where REST listens" },
  { name: "model_config_file", kind: "string", fallback: "", group: "Model", help: "which models" },
  { name: "model_config_file_poll_seconds", kind: "int", fallback: 0, least: 0, group: "Model", help: "how often it is read" },
  { name: "help", kind: "bool", fallback: false, also: ["h", "?"], group: "Run", help: "prints this" },
  { name: "threads", kind: "int32", fallback: 0, shown: "one for each CPU", group: "Run", help: "how many" },
  { name: "micros", kind: "int64", fallback: 0, group: "Run", help: "how long" },
  { name: "fraction", kind: "float", fallback: 0.5, group: "Run", help: "how much" },
];

const good: { name: string; argv: string[]; want: [number, string, boolean] }[] = [
  { name: "nothing gives the fallbacks", argv: [], want: [8500, "default", false] },
  { name: "a value after an equals sign", argv: ["--port=1", "--model_name=m"], want: [1, "m", false] },
  { name: "a value in the next word", argv: ["--port", "-1", "--model_name", "m"], want: [-1, "m", false] },
  { name: "a value may hold equals signs and newlines", argv: ["--model_name=a=b\nc"], want: [8500, "a=b\nc", false] },
  { name: "an empty value is a value", argv: ["--model_name="], want: [8500, "", false] },
  { name: "a bool by its name alone", argv: ["--enable_batching", "--port=2"], want: [2, "default", true] },
  { name: "a bool by its value", argv: ["--enable_batching=true", "--enable_batching=false"], want: [8500, "default", false] },
  { name: "the last of several counts", argv: ["--port=1", "--port=2"], want: [2, "default", false] },
];
for (const tc of good) {
  test(`flags: ${tc.name}`, () => {
    const got = parseFlags(flags, tc.argv);
    assert.deepEqual([got.int("port"), got.string("model_name"), got.bool("enable_batching")], tc.want);
  });
}

const numbers: readonly { readonly argv: string; readonly want: number | undefined }[] = [
  { argv: "--threads=2147483647", want: 2147483647 },
  { argv: "--threads=2147483648", want: undefined },
  { argv: "--threads=-2147483648", want: -2147483648 },
  { argv: "--threads=-2147483649", want: undefined },
  { argv: "--threads=+7", want: 7 },
  { argv: "--threads=1.0", want: undefined },
  { argv: "--threads=0x10", want: undefined },
  { argv: "--micros=9223372036854775807", want: 2 ** 63 },
  { argv: "--micros=9223372036854775808", want: undefined },
  { argv: "--micros=-9223372036854775808", want: -(2 ** 63) },
  { argv: "--micros=-9223372036854775809", want: undefined },
  { argv: "--micros=+60000000", want: 60000000 },
  { argv: "--fraction=.25", want: 0.25 },
  { argv: "--fraction=-1.5e-3", want: -0.0015 },
  { argv: "--fraction=1", want: 1 },
  { argv: "--fraction=1e39", want: undefined },
  { argv: "--fraction=0.5GB", want: undefined },
  { argv: "--fraction=nan", want: undefined },
];
for (const { argv, want } of numbers) {
  test(`flags: ${argv} is ${want ?? "refused"}`, () => {
    const name = /--(\w+)/.exec(argv)?.[1] ?? "";
    const read = () => (name === "fraction" ? parseFlags(flags, [argv]).float(name) : parseFlags(flags, [argv]).int(name));
    if (want === undefined) assert.throws(read, { code: Code.InvalidArgument, message: `Couldn't interpret value ${argv.split("=")[1]} for flag ${name}.` });
    else assert.equal(read(), want);
  });
}

const bad: { name: string; argv: string[]; text: RegExp }[] = [
  { name: "an unknown flag names the one it was meant to be", argv: ["--prt=1"], text: /^unknown flag --prt; did you mean --port\?$/ },
  { name: "an unknown flag far from all", argv: ["--verbosity"], text: /^unknown flag --verbosity$/ },
  { name: "a word that is no flag", argv: ["model"], text: /^unknown argument: model$/ },
  {
    name: "a bool's value in a word of its own",
    argv: ["--enable_batching", "false"],
    text: /^unknown argument: false; did you mean --enable_batching=false\?$/,
  },
  { name: "text behind a bool's name", argv: ["--enable_batchingX"], text: /^unknown flag --enable_batchingX; did you mean --enable_batching\?$/ },
  {
    name: "every fault has a line, and an unknown flag takes its value with it",
    argv: ["--prt", "1", "--enable_batching=2", "--threads"],
    text: /^unknown flag --prt; did you mean --port\?\nCouldn't interpret value 2 for flag enable_batching\.\nflag --threads needs a value$/,
  },
  { name: "an unknown flag with some of another's words", argv: ["--rest_port=1"], text: /^unknown flag --rest_port; did you mean --rest_api_port\?$/ },
  { name: "an unknown flag with the words of several", argv: ["--model_config=1"], text: /^unknown flag --model_config; did you mean --model_config_file\?$/ },
  { name: "an unknown flag with the words of several, none of them shorter", argv: ["--model=1"], text: /^unknown flag --model; did you mean --model_name\?$/ },
  { name: "an unknown flag that ends in another's name", argv: ["--grpc_port=1"], text: /^unknown flag --grpc_port; did you mean --port\?$/ },
  { name: "an unknown flag that people look for", argv: ["--http_port=1"], text: /^unknown flag --http_port; did you mean --rest_api_port\?$/ },
  { name: "dashes for underscores", argv: ["--Model-Base-Path=/m"], text: /^unknown flag --Model-Base-Path; did you mean --model_base_path\?$/ },
  { name: "a single dash", argv: ["-port=1"], text: /^unknown argument: -port=1; did you mean --port\?$/ },
  { name: "a single dash, and the value in a word of its own", argv: ["-port", "1"], text: /^unknown argument: -port; did you mean --port\?$/ },
  { name: "three dashes", argv: ["---port=1"], text: /^unknown argument: ---port=1; did you mean --port\?$/ },
  { name: "a dash as text editors make it of two", argv: ["\u2014port=1"], text: /^unknown argument: \u2014port=1; did you mean --port\?$/ },
  { name: "a single dash and a letter", argv: ["-h"], text: /^unknown argument: -h; did you mean --help\?$/ },
  { name: "a question", argv: ["-?"], text: /^unknown argument: -\?; did you mean --help\?$/ },
  { name: "no dashes", argv: ["port=1", "help"], text: /^unknown argument: port=1; did you mean --port\?\nunknown argument: help; did you mean --help\?$/ },
  { name: "an equals sign without a name", argv: ["--=1"], text: /^unknown argument: --=1$/ },
  { name: "a number below its least", argv: ["--model_config_file_poll_seconds=-1"], text: /^--model_config_file_poll_seconds=-1: expected 0 or more$/ },
  { name: "two dashes alone", argv: ["--"], text: /^unknown argument: --$/ },
  { name: "a flag without its value", argv: ["--model_name"], text: /^flag --model_name needs a value$/ },
  { name: "a flag that is followed by a flag", argv: ["--model_name", "--port=1"], text: /^flag --model_name needs a value$/ },
  { name: "a number with something behind it", argv: ["--port=1x"], text: /^Couldn't interpret value 1x for flag port\.$/ },
  { name: "an empty number", argv: ["--port="], text: /^Couldn't interpret value {2}for flag port\.$/ },
  { name: "a number past 2^53", argv: ["--port=9007199254740993"], text: /Couldn't interpret value 9007199254740993/ },
  { name: "a bool that is neither", argv: ["--enable_batching=yes"], text: /Couldn't interpret value yes for flag enable_batching/ },
];
for (const tc of bad) {
  test(`flags refused: ${tc.name}`, () => {
    assert.throws(
      () => parseFlags(flags, tc.argv),
      (err: unknown) => {
        assert.equal(codeOf(err), Code.InvalidArgument);
        assert.match((err as Error).message, tc.text);
        return true;
      },
    );
  });
}

test("given tells a default from the same value said", () => {
  const got = parseFlags(flags, ["--port=8500"]);
  assert.deepEqual([got.given("port"), got.given("model_name")], [true, false]);
});

test("asking for a flag that is not there is a bug", () => assert.throws(() => parseFlags(flags, []).int("prt"), /there is no flag prt/));

test("usage lists groups, values and defaults", () => {
  assert.equal(
    usage("usage: x", flags),
    `usage: x

Network:
  --port=INT
      where gRPC listens (default 8500)
  --rest_api_port=INT
      where REST listens (default 8501)

Model:
  --model_name=STRING
      the model's name (default "default")
  --model_base_path=STRING
      where it lies (default "")
  --enable_batching
      joins requests (default false)
  --model_config_file=STRING
      which models (default "")
  --model_config_file_poll_seconds=INT
      how often it is read (default 0)

Run:
  --help
      prints this (default false)
  --threads=INT
      how many (default one for each CPU)
  --micros=INT
      how long (default 0)
  --fraction=FLOAT
      how much (default 0.5)
`,
  );
});

test("usage breaks a long text between words, after 80 columns at most", () => {
  const help = `${"word ".repeat(40)}${"x".repeat(120)} end`;
  const lines = usage("usage: x", [{ name: "f", kind: "bool", fallback: true, group: "G", help }])
    .trimEnd()
    .split("\n")
    .slice(4);
  assert.deepEqual(
    lines.map((line) => line.length),
    [80, 80, 55, 126, 24],
  );
  assert.equal(lines.map((line) => line.trim()).join(" "), `${help} (default true)`);
});

const names: { name: string; word: string; want: string | undefined }[] = [
  { name: "one letter missing", word: "serving_defalt", want: "serving_default" },
  { name: "another case", word: "Serving_Default", want: "serving_default" },
  { name: "nothing alike", word: "zebra", want: undefined },
  { name: "the nearer of two", word: "scorez", want: "scores" },
  { name: "a short word needs to be very near", word: "xy", want: undefined },
];
test("nearest: two letters that changed places are one mistake", () => assert.equal(nearest("prot", ["port", "host"]), "port"));
for (const tc of names) test(`nearest: ${tc.name}`, () => assert.equal(nearest(tc.word, ["serving_default", "scores", "score_sum", "ab"]), tc.want));

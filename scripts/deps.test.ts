// Holds the house's import table (docs/architecture.md) as data, reads every import, and fails with the edge and the rule that it breaks.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Who may import whom. */
const table: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  std: [],
  tensor: ["proto", "std"],
  rpc: ["std"],
  rest: ["tensor", "proto", "std"],
  savedmodel: ["tensor", "proto", "std"],
  engine: ["savedmodel", "tensor", "proto", "std"],
  sdk: ["rest", "tensor", "proto", "std", "rpc"],
  services: ["rpc", "proto", "std"],
  gateway: ["services", "rpc", "rest", "tensor", "proto", "std"],
  server: ["services", "engine", "savedmodel", "rest", "rpc", "tensor", "proto", "std"],
};

/** Packages that run in browsers. The SDK does too, but for what only Node resolves, and what only tests do. */
const browserSafe = new Set(["tensor", "rest", "proto", "std"]);
const nodeOnlySdk = /^packages\/sdk\/src\/(testing\/|transport\/(grpc|tls|default_node)\.ts$)/;

interface Import {
  readonly file: string;
  readonly from: string;
}

/** importsOf finds static and dynamic imports and re-exports; comments are cut first. */
function importsOf(file: string, source: string): Import[] {
  const text = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
  const found: Import[] = [];
  for (const m of text.matchAll(/\b(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]*?\bfrom\s+)?["']([^"']+)["']/g)) found.push({ file, from: m[1]! });
  for (const m of text.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)) found.push({ file, from: m[1]! });
  return found;
}

const packageOf = (file: string): string => file.split("/")[1]!;
const isTest = (file: string): boolean => /\.test\.ts$/.test(file);

const entries = "packages are entered by their index or a named sub-path";

/** Each rule gives the complaint about one import, or undefined. */
const rules: Readonly<Record<string, (i: Import) => string | undefined>> = {
  "packages import only what the table allows"({ file, from }) {
    const target = /^@tfs\/([\w-]+)/.exec(from)?.[1];
    const own = packageOf(file);
    if (target === undefined || target === own || isTest(file) || file.includes("/testing/")) return undefined;
    return table[own]?.includes(target) === true ? undefined : `${own} may not import ${target}`;
  },
  "the SDK touches rpc only in transport/grpc and testing/"({ file, from }) {
    return packageOf(file) === "sdk" && from === "@tfs/rpc" && !isTest(file) && !nodeOnlySdk.test(file) ? "rpc is for transport/grpc.ts" : undefined;
  },
  [entries]({ from }) {
    return /^@tfs\/[\w-]+\/(?!testing$|metrics$|all$|gen\/|plain\/|package\.json$)/.test(from) ? `${from} is not an entry` : undefined;
  },
  "folders are entered by their index.ts"({ file, from }) {
    if (!from.startsWith(".") || isTest(file)) return undefined;
    const target = normalize(join(dirname(file), from));
    const [mine, theirs] = [dirname(file), dirname(target)];
    if (mine === theirs || target.endsWith("/index.ts") || mine.startsWith(`${theirs}/`) || theirs.includes("/src/gen/") || theirs.includes("/src/plain/"))
      return undefined;
    const folder = globSync("index.ts", { cwd: join(root, theirs) });
    return folder.length > 0 ? `${from} passes the index of its folder` : undefined;
  },
  "internal/ belongs to the folder that holds it"({ file, from }) {
    const at = from.startsWith(".") ? normalize(join(dirname(file), from)) : from;
    const [owner, ...rest] = at.split(/(?:^|\/)internal\//);
    return rest.length > 0 && !file.startsWith(`${owner}/`) && !/\/src\/(gen|plain)\//.test(at) ? `${from} is internal to ${owner}` : undefined;
  },
  "browser packages are free of node:"({ file, from }) {
    const safe = browserSafe.has(packageOf(file)) || (packageOf(file) === "sdk" && !nodeOnlySdk.test(file));
    return safe && from.startsWith("node:") && !isTest(file) ? `${from} is not there in browsers` : undefined;
  },
  "nock stays in its own test files"({ file, from }) {
    return from === "nock" && !file.endsWith(".nock.test.ts") ? "importing nock breaks http2 in the whole process" : undefined;
  },
  "relative imports name the .ts file"({ from }) {
    return from.startsWith(".") && !/\.(ts|json)$/.test(from) ? `${from} lacks .ts` : undefined;
  },
};

/** Rules about a file's text. */
const textRules: Readonly<Record<string, (file: string, text: string) => string | undefined>> = {
  "only main.ts reads the environment and argv": (file, text) =>
    /\bprocess\.(env|argv)\b/.test(text) && !/\/main\.ts$/.test(file) && !isTest(file) ? "process.env or process.argv" : undefined,
  "no export *": (_, text) => (/^export \*/m.test(text) ? "export *" : undefined),
  "no default exports": (_, text) => (/^export default/m.test(text) ? "export default" : undefined),
};

const files = globSync("packages/*/src/**/*.ts", { cwd: root }).filter((f) => !/\/src\/(gen|plain)\//.test(f) && !f.endsWith(".d.ts"));
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));

for (const [name, rule] of Object.entries(rules)) {
  test(name, () => {
    const complaints = [...sources].flatMap(([file, text]) =>
      importsOf(file, text)
        .flatMap((i) => rule(i) ?? [])
        .map((what) => `${file}: ${what}`),
    );
    assert.deepEqual(complaints, []);
  });
}
for (const [name, rule] of Object.entries(textRules)) {
  test(name, () => {
    const complaints = [...sources].flatMap(([file, text]) => {
      const what = rule(file, text);
      return what === undefined ? [] : [`${file}: ${what}`];
    });
    assert.deepEqual(complaints, []);
  });
}

test("what a package imports is what its package.json and tsconfig name", () => {
  const complaints: string[] = [];
  for (const name of Object.keys(table)) {
    const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as { dependencies?: Record<string, string> };
    const config = JSON.parse(readFileSync(join(root, "packages", name, "tsconfig.json"), "utf8")) as { references: { path: string }[] };
    const declared = Object.keys(manifest.dependencies ?? {})
      .filter((d) => d.startsWith("@tfs/"))
      .map((d) => d.slice(5))
      .sort();
    const referenced = config.references.map((r) => r.path.replace("../", "")).sort();
    assert.deepEqual(referenced, declared, `${name}: tsconfig references and dependencies differ`);
    const used = new Set(
      [...sources]
        .filter(([file]) => packageOf(file) === name)
        .flatMap(([file, text]) => importsOf(file, text).flatMap((i) => /^@tfs\/([\w-]+)/.exec(i.from)?.[1] ?? [])),
    );
    for (const d of declared) if (!used.has(d)) complaints.push(`${name} declares ${d} and does not import it`);
    for (const u of used) if (u !== name && !declared.includes(u)) complaints.push(`${name} imports ${u} and does not declare it`);
  }
  assert.deepEqual(complaints, []);
});

test("the table knows every package", () => assert.deepEqual(Object.keys(table).sort(), globSync("*", { cwd: join(root, "packages") }).sort()));

test("scripts, benches and examples use public entries only", () => {
  const complaints = globSync("{scripts,bench,examples,packages/*/bench}/**/*.{ts,mjs}", { cwd: root, exclude: ["scripts/deps.test.ts"] }).flatMap((file) =>
    importsOf(file, readFileSync(join(root, file), "utf8"))
      .filter(({ from }) => /(^|\/)packages\/[\w-]+\/(src|dist)\//.test(normalize(join(dirname(file), from))) || rules[entries]!({ file, from }) !== undefined)
      .map(({ from }) => `${file}: ${from}`),
  );
  assert.deepEqual(complaints, []);
});

// The rules themselves: each catches what it is for.
const bad: [rule: string, file: string, line: string][] = [
  ["packages import only what the table allows", "packages/sdk/src/a.ts", 'import { x } from "@tfs/server";'],
  ["packages import only what the table allows", "packages/rpc/src/a.ts", 'export { x } from "@tfs/proto";'],
  ["packages import only what the table allows", "packages/tensor/src/a.ts", 'const x = await import("@tfs/rest");'],
  ["the SDK touches rpc only in transport/grpc and testing/", "packages/sdk/src/client/a.ts", 'import { newChannel } from "@tfs/rpc";'],
  ["packages are entered by their index or a named sub-path", "packages/sdk/src/a.ts", 'import { x } from "@tfs/std/dist/ctx.js";'],
  ["folders are entered by their index.ts", "packages/server/src/http/a.ts", 'import { x } from "../infer/predict.ts";'],
  ["internal/ belongs to the folder that holds it", "packages/server/src/http/a.ts", 'import { x } from "../infer/internal/rows.ts";'],
  ["browser packages are free of node:", "packages/sdk/src/client/a.ts", 'import { connect } from "node:http2";'],
  ["browser packages are free of node:", "packages/rest/src/a.ts", 'import { readFile } from "node:fs/promises";'],
  ["nock stays in its own test files", "packages/sdk/src/a.test.ts", 'import nock from "nock";'],
  ["relative imports name the .ts file", "packages/sdk/src/a.ts", 'import { x } from "./b.js";'],
];
for (const [rule, file, line] of bad) {
  test(`the rule "${rule}" catches ${line}`, () => {
    const found = importsOf(file, line);
    assert.equal(found.length, 1);
    assert.ok(rules[rule]!(found[0]!) !== undefined);
  });
}
test("internal/ is open to its own folder", () => {
  const from = "./internal/rows.ts";
  assert.equal(rules["internal/ belongs to the folder that holds it"]!({ file: "packages/server/src/infer/a.ts", from }), undefined);
});
const badText: [rule: string, file: string, text: string][] = [
  ["only main.ts reads the environment and argv", "packages/std/src/log/log.ts", 'const level = process.env["LEVEL"];'],
  ["no export *", "packages/std/src/index.ts", 'export * from "./ctx.ts";'],
  ["no default exports", "packages/std/src/ctx.ts", "export default function newCtx() {}"],
];
for (const [rule, file, text] of badText) {
  test(`the rule "${rule}" catches ${text}`, () => assert.ok(textRules[rule]!(file, text) !== undefined));
}
test("an import over several lines counts once", () => {
  assert.deepEqual(importsOf("a.ts", 'import {\n  a,\n  type B,\n} from "@tfs/std";\nexport type { C } from "./c.ts";'), [
    { file: "a.ts", from: "@tfs/std" },
    { file: "a.ts", from: "./c.ts" },
  ]);
});
test("imports in comments do not count", () => assert.deepEqual(importsOf("a.ts", '/* import "x"; */\n// import "y";\n'), []));

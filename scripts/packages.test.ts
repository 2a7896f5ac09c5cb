// What all packages have in common, held as tests: manifests, exact versions, bins, the lockfile, and a documented reason for every dependency.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly license: string;
  readonly description?: string;
  readonly sideEffects: unknown;
  readonly engines: unknown;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly allowScripts?: Readonly<Record<string, boolean>>;
}
interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const names = readdirSync(join(root, "packages")).filter((name) => existsSync(join(root, "packages", name, "package.json")));
const manifests = new Map(names.map((name) => [name, JSON.parse(read(`packages/${name}/package.json`)) as Manifest]));
const rootManifest = JSON.parse(read("package.json")) as Manifest;
const locked = (JSON.parse(read("package-lock.json")) as { packages: Readonly<Record<string, Locked>> }).packages;
const all = [rootManifest, ...manifests.values()];

test("packages agree on version, engine, licence, module type and freedom from side effects", () => {
  const [first] = manifests.values();
  for (const [name, m] of manifests) {
    assert.deepEqual(
      { name: m.name, version: m.version, engines: m.engines, license: m.license, type: m.type, sideEffects: m.sideEffects },
      { name: `@tfs/${name}`, version: first!.version, engines: { node: ">=22.20.0" }, license: "Apache-2.0", type: "module", sideEffects: false },
    );
    assert.ok((m.description ?? "") !== "", `${name} has no description`);
  }
});

test("packages name each other by the one exact version", () => {
  for (const [name, m] of manifests)
    for (const [d, version] of Object.entries({ ...m.dependencies, ...m.devDependencies }))
      if (d.startsWith("@tfs/")) assert.equal(version, m.version, `${name} names ${d}`);
});

test("every entry has types first and a source that compiles to it", () => {
  for (const [name, m] of manifests) {
    assert.equal(m.exports["./package.json"], "./package.json", name);
    for (const [entry, target] of Object.entries(m.exports)) {
      if (typeof target === "string") continue;
      assert.deepEqual(Object.keys(target), ["types", "default"], `${name} ${entry}`);
      const { types, default: code } = target as { types: string; default: string };
      assert.equal(types.replace(/\.d\.ts$/, ".js"), code, `${name} ${entry}`);
      const source = code.replace("./dist/", "./src/").replace(/\.js$/, ".ts");
      assert.ok(code.includes("*") || existsSync(join(root, "packages", name, source)), `${name} ${entry} has no ${source}`);
    }
  }
});

test("tests, their data and build leftovers are cut last from what is packed", () => {
  for (const [name, m] of manifests) {
    const firstCut = m.files.findIndex((f) => f.startsWith("!"));
    assert.ok(
      m.files.slice(firstCut).every((f) => f.startsWith("!")),
      `${name}: files is ordered, an inclusion after a negation takes it back`,
    );
    for (const cut of ["!**/*.test.*", "!**/testdata", "!dist/.tsbuildinfo"]) assert.ok(m.files.includes(cut), `${name} packs ${cut.slice(1)}`);
  }
});

test("a bin is committed JavaScript that an old Node can read far enough to say no", () => {
  for (const [name, m] of manifests) {
    for (const [command, file] of Object.entries(m.bin ?? {})) {
      const path = join("packages", name, file);
      const text = read(path);
      assert.ok(text.startsWith("#!/usr/bin/env node\n"), `${path} has no shebang`);
      assert.ok(text.includes(`${command} needs Node 22.20 or newer`), `${path} does not name the Node it needs`);
      assert.ok(m.files.includes("bin"), `${name} does not pack its bin`);
      if (process.platform !== "win32") assert.ok((statSync(join(root, path)).mode & 0o111) !== 0, `${path} is not executable`);
    }
  }
});

test("every dependency is pinned, to the same version everywhere", () => {
  const seen = new Map<string, string>();
  for (const m of all) {
    for (const [d, version] of Object.entries({ ...m.dependencies, ...m.devDependencies })) {
      assert.match(version, /^\d+\.\d+\.\d+$/, `${m.name} takes ${d} ${version}`);
      assert.equal(seen.get(d) ?? version, version, `${m.name} takes another ${d}`);
      seen.set(d, version);
    }
  }
});

/** Peers of which `npm run tools` brings one, for one suite alone: they are too large for everybody, and have the same sources. */
const tfjsVersion = /tfjsVersion = "(.*)"/.exec(read("scripts/tools/tfjs.mjs"))![1]!;
const tools: Readonly<Record<string, string>> = { "@tensorflow/tfjs-node-gpu": tfjsVersion, "@tensorflow/tfjs-node": tfjsVersion };

test("a peer is optional, begins with the version that the tests run with, and has its line in docs/dependencies.md", () => {
  const [, , , peers = ""] = read("docs/dependencies.md").split(/^## /m);
  const rows = [...peers.matchAll(/^\| ([^|]+?) +\| (\w+) +\|/gm)].map(([, name, owner]) => `@tfs/${owner} ${name}`).filter((row) => !row.endsWith(" package"));
  const declared: string[] = [];
  for (const m of all) {
    for (const [d, range] of Object.entries(m.peerDependencies ?? {})) {
      declared.push(`${m.name} ${d}`);
      assert.equal(m.peerDependenciesMeta?.[d]?.optional, true, `${m.name} demands ${d}`);
      assert.equal(range, `^${m.devDependencies?.[d] ?? tools[d]}`, `${m.name} names ${d}`);
    }
  }
  assert.deepEqual(rows.sort(), declared.sort());
});

test("docs/dependencies.md has a line for every dependency and no other", () => {
  const [, runtime, development] = read("docs/dependencies.md").split(/^## /m);
  const rows = (section: string): string[] =>
    [...section.matchAll(/^\| ([^|]+?) +\|/gm)]
      .map((m) => m[1]!)
      .filter((cell) => cell !== "package" && !cell.startsWith("-"))
      .flatMap((cell) => cell.split(", "))
      .sort();
  const foreign = (dependencies: readonly (Readonly<Record<string, string>> | undefined)[]): Set<string> =>
    new Set(dependencies.flatMap((d) => Object.keys(d ?? {})).filter((d) => !d.startsWith("@tfs/")));
  const needed = foreign(all.flatMap((m) => [m.dependencies, m.optionalDependencies]));
  assert.deepEqual(rows(runtime!), [...needed].sort());
  assert.deepEqual(rows(development!), [...foreign(all.map((m) => m.devDependencies))].filter((d) => !needed.has(d)).sort());
});

test("the lockfile names every optional platform package, or npm ci refuses it: node scripts/lock.mjs", () => {
  const missing = Object.entries(locked).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter((d) => locked[`node_modules/${d}`] === undefined && locked[`${path}/node_modules/${d}`] === undefined),
  );
  assert.deepEqual(missing, []);
});

test("the lockfile works behind any registry", () => {
  const bound = Object.entries(locked).filter(([, entry]) => entry.resolved?.startsWith("http") === true);
  assert.deepEqual(
    bound.map(([path]) => path),
    [],
  );
});

test("every package with an install script is approved or denied by name, and no other is named", () => {
  const scripted = Object.entries(locked).filter(([, entry]) => entry.hasInstallScript === true);
  const names = scripted.map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length));
  assert.deepEqual(Object.keys(rootManifest.allowScripts ?? {}).sort(), [...new Set(names)].sort());
});

test("the commands of package.json run files that exist", () => {
  const files = Object.values(rootManifest.scripts ?? {}).flatMap((command) => /\bnode (\S+)/.exec(command)?.[1] ?? []);
  assert.ok(files.length > 5);
  for (const file of files) assert.ok(existsSync(join(root, file)), file);
});

test("the build knows every package", () => {
  const { references } = JSON.parse(read("tsconfig.json")) as { references: readonly { path: string }[] };
  assert.deepEqual(references.map((r) => r.path).sort(), names.map((name) => `packages/${name}`).sort());
});

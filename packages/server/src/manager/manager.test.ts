import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ModelSpecSchema } from "@tfs/proto";
import { Code, type Ctx, newError } from "@tfs/std";
import { type FakeClock, fakeClock } from "@tfs/std/testing";
import type { Servable } from "../servable/index.ts";
import { silent } from "../testing/index.ts";
import { type Handle, type Manager, newManager, stateName, type Transition, type Tuning } from "./index.ts";

// testdata/manager/stories.txt tells how versions come and go: each line is something that happens, and the lines behind it that begin with ">" are what comes of it.
const stories = readFileSync(new URL("../../testdata/manager/stories.txt", import.meta.url), "utf8")
  .split(/^== /m)
  .slice(1);

for (const story of stories) {
  const [title = "", ...lines] = story.trimEnd().split("\n");
  test(title, async () => {
    const stage = newStage();
    const told: string[] = [];
    for (const line of lines.filter((l) => !l.startsWith(">") && !l.startsWith("#") && l !== "")) {
      told.push(line, ...(await stage.happen(line)).map((heard) => `> ${heard}`));
    }
    assert.equal(told.join("\n"), lines.filter((l) => l !== "" && !l.startsWith("#")).join("\n"));
  });
}

interface Pending {
  readonly settle: (err?: Error) => void;
}

/** Stage is a manager of one model whose loads and unloads end when the story says so. */
function newStage(): { happen(line: string): Promise<string[]> } {
  const clock: FakeClock = fakeClock();
  const heard: string[] = [];
  const loads = new Map<string, Pending>();
  const unloads = new Map<string, Pending>();
  const handles = new Map<string, Handle[]>();
  const states = new Map<string, string>();
  let tuning: Tuning = {};
  let manager: Manager | undefined;

  const wait = (map: Map<string, Pending>, version: string, ctx?: Ctx): Promise<void> =>
    new Promise((resolve, reject) => {
      map.set(version, {
        settle: (err) => {
          map.delete(version);
          if (err === undefined) resolve();
          else reject(err);
        },
      });
      ctx?.signal.addEventListener("abort", () => loads.has(version) && heard.push(`told to stop ${version}`), { once: true });
    });
  const load = async (ctx: Ctx, { name, version }: { readonly name: string; readonly version: bigint }): Promise<Servable> => {
    heard.push(`load ${version}`);
    await wait(loads, String(version), ctx);
    const close = (): Promise<void> => {
      heard.push(`unload ${version}`);
      return wait(unloads, String(version));
    };
    return { name, version, signatures: new Map(), chosen: { engine: "embedded", why: "" }, run: async () => [], close };
  };
  const open = (): Manager => {
    manager ??= newManager({ load, clock, logger: silent, tuning });
    return manager;
  };
  const specOf = (what: string | undefined) => {
    if (what === undefined) return create(ModelSpecSchema, { name: "m" });
    const versionChoice = /^\d+$/.test(what)
      ? ({ case: "version", value: { value: BigInt(what) } } as const)
      : ({ case: "versionLabel", value: what } as const);
    return create(ModelSpecSchema, { name: "m", versionChoice });
  };
  const deeds: Readonly<Record<string, (...args: string[]) => void>> = {
    tuning: (name = "", value = "") => {
      tuning = { ...tuning, [name]: name === "transition" ? (value as Transition) : Number(value) };
    },
    aspire: (...versions) =>
      open().aspire(
        "m",
        versions.map((v) => ({ version: BigInt(v), path: `/m/${v}` })),
      ),
    loaded: (version = "") => loads.get(version)!.settle(),
    failed: (version = "", ...text) => loads.get(version)!.settle(newError(Code.Unavailable, text.join(" "))),
    unloaded: (version = "") => unloads.get(version)!.settle(),
    hold: (what) => {
      const handle = open().acquire(specOf(what));
      const version = String(handle.servable.version);
      handles.set(version, [...(handles.get(version) ?? []), handle]);
      heard.push(`got ${version}`);
    },
    release: (version = "") => handles.get(version)!.pop()![Symbol.dispose](),
    release_twice: (version = "") => {
      const handle = handles.get(version)!.pop()!;
      handle[Symbol.dispose]();
      handle[Symbol.dispose]();
    },
    label: (label = "", version = "") => {
      open().labels = new Map([["m", new Map([[label, BigInt(version)]])]]);
    },
    pass: (ms = "") => clock.advance(Number(ms)),
    close: () =>
      void open()
        .close()
        .then(() => heard.push("closed")),
  };
  const look = (): void => {
    const now = new Map(
      (manager?.versions("m") ?? []).map((v) => [String(v.version), `${stateName(v.state)}${v.error === undefined ? "" : `: ${v.error.message}`}`]),
    );
    for (const [version, text] of [...now].reverse()) if (states.get(version) !== text) heard.push(`${version} ${text}`);
    for (const version of states.keys()) if (!now.has(version)) heard.push(`${version} forgotten`);
    states.clear();
    for (const [version, text] of now) states.set(version, text);
  };
  return {
    async happen(line) {
      const [deed = "", ...args] = line.split(" ");
      assert.ok(Object.hasOwn(deeds, deed), `no such deed: ${line}`);
      try {
        deeds[deed]!(...args);
      } catch (err) {
        heard.push(`refused: ${String((err as Error).message)}`);
      }
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
      look();
      return heard.splice(0);
    },
  };
}

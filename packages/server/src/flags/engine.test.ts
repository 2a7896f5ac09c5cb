import assert from "node:assert/strict";
import { test } from "node:test";
import { readFlags, runtimeTuning } from "./index.ts";

const rows: readonly { readonly name: string; readonly argv?: readonly string[]; readonly env?: Readonly<Record<string, string>>; readonly want: object }[] = [
  { name: "nothing is said", want: { trial: true, dirs: {}, pythons: ["python3"] } },
  { name: "no trials", argv: ["--engine_trial=false"], want: { trial: false, dirs: {}, pythons: ["python3"] } },
  {
    name: "folders by flags",
    argv: ["--tensorflow_dir=/t", "--openvino_dir=/o"],
    want: { trial: true, dirs: { tensorflow: { dir: "/t", by: "--tensorflow_dir" }, openvino: { dir: "/o", by: "--openvino_dir" } }, pythons: ["python3"] },
  },
  {
    name: "folders by variables",
    env: { TFS_TENSORFLOW_DIR: "/t", TFS_OPENVINO_DIR: "" },
    want: { trial: true, dirs: { tensorflow: { dir: "/t", by: "TFS_TENSORFLOW_DIR" } }, pythons: ["python3"] },
  },
  {
    name: "flags win over variables",
    argv: ["--openvino_dir=/o"],
    env: { TFS_OPENVINO_DIR: "/other" },
    want: { trial: true, dirs: { openvino: { dir: "/o", by: "--openvino_dir" } }, pythons: ["python3"] },
  },
  {
    name: "the user's cache, and the Python that is active",
    env: { HOME: "/home/me", VIRTUAL_ENV: "/v" },
    want: { trial: true, cacheDir: "/home/me/.cache/tfs/engines", dirs: {}, pythons: ["/v/bin/python3", "python3"] },
  },
];
for (const { name, argv = [], env = {}, want } of rows)
  test(`how engines are found: ${name}`, () => assert.deepEqual(runtimeTuning(readFlags(argv), env, {}), { ...want, session: {} }));

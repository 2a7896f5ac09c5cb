import type { LibraryName } from "@tfs/engine";

/** Release says what an engine's library is called in Python's index, and which versions of it the engine was tried with. */
export interface Release {
  readonly distribution: string;
  readonly versions: string;
  /** roughBytes is what the kept files of such a version have together, to tell it before the wheel is there; measured on x64. */
  readonly roughBytes: number;
}

export const releases: Readonly<Record<LibraryName, Release>> = {
  openvino: { distribution: "openvino", versions: "2026.4.*", roughBytes: 92_000_000 },
  tensorflow: { distribution: "tensorflow-cpu", versions: "2.21.*", roughBytes: 854_000_000 },
  litert: { distribution: "ai-edge-litert", versions: "2.3.*", roughBytes: 8_000_000 },
};

/** The libraries are the same for every Python: any will do that there is a wheel for, tried in this order. */
export const pythonVersions: readonly string[] = ["3.12", "3.11", "3.13", "3.10", "3.14"];

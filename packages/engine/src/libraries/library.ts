/** LibraryName is an engine whose work is done by libraries that are not ours. */
export type LibraryName = "openvino" | "tensorflow" | "litert";

/** Part is one file that a library consists of. Its name may end in a version, which is the release's own affair. */
export interface Part {
  readonly name: string;
  readonly file: RegExp;
}

/** Library is what there is to know of one, to find it. */
export interface Library {
  readonly name: LibraryName;
  /** title is its name for people. */
  readonly title: string;
  /** parts are all the files that the engine needs; they lie in one folder. */
  readonly parts: readonly Part[];
  /** module is the Python package that brings them, and distributions those that may have installed it, the likeliest first. */
  readonly module: string;
  readonly distributions: readonly string[];
  /** npm is the name of the npm package that brings them, without platform and processor; undefined if there is none. */
  readonly npm?: string;
}

export const libraries: Readonly<Record<LibraryName, Library>> = {
  openvino: {
    name: "openvino",
    title: "OpenVINO",
    parts: [
      part("libopenvino_c"),
      part("libopenvino"),
      part("libopenvino_tensorflow_frontend"),
      part("libopenvino_tensorflow_lite_frontend"),
      part("libopenvino_intel_cpu_plugin"),
      part("libtbb"),
    ],
    module: "openvino",
    distributions: ["openvino"],
    npm: "@tfs/openvino",
  },
  tensorflow: {
    name: "tensorflow",
    title: "TensorFlow",
    parts: [part("libtensorflow_cc"), part("libtensorflow_framework")],
    module: "tensorflow",
    distributions: ["tensorflow", "tensorflow-cpu", "tensorflow-cpu-aws", "tf-nightly", "tf-nightly-cpu"],
  },
  litert: {
    name: "litert",
    title: "LiteRT",
    parts: [part("libLiteRt")],
    module: "ai_edge_litert",
    distributions: ["ai-edge-litert", "ai-edge-litert-nightly"],
  },
};

export const libraryNames: readonly LibraryName[] = ["openvino", "tensorflow", "litert"];

function part(name: string): Part {
  return { name: `${name}.so`, file: new RegExp(`^${name}\\.so(\\.\\d+)*$`) };
}

/**
 * filesOf picks a library's files from the names in a folder: one for each part, the one with the highest version. `missing` are the parts that have none.
 * Of libtbb.so, libtbb.so.12 and libtbb.so.12.17 any would do: they are links to one file.
 */
export function filesOf(library: Library, names: Iterable<string>): { readonly files: readonly string[]; readonly missing: readonly string[] } {
  const all = [...names];
  const files: string[] = [];
  const missing: string[] = [];
  for (const { name, file } of library.parts) {
    const best = all
      .filter((candidate) => file.test(candidate))
      .sort(byNumbers)
      .at(-1);
    if (best === undefined) missing.push(name);
    else files.push(best);
  }
  return { files, missing };
}

/** byNumbers orders names as people do: 2.9 before 2.21. */
export function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

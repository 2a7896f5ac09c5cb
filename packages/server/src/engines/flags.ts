import type { Flag } from "@tfs/std";

const group = "Flags";
const string = (name: string, help: string, shown?: string): Flag => ({
  name,
  kind: "string",
  fallback: "",
  group,
  help,
  ...(shown === undefined ? {} : { shown }),
});
const bool = (name: string, help: string): Flag => ({ name, kind: "bool", fallback: false, group, help });

const help = bool("help", "print this and exit");
const cache = string("cache_dir", "folder that libraries are installed in, as NAME/VERSION", "tfs/engines below XDG_CACHE_HOME, or below ~/.cache");

export const probeFlags: readonly Flag[] = [
  bool("json", "print an array with an object for each engine"),
  cache,
  string("openvino_dir", "folder that holds OpenVINO's libraries; no other place is looked at", "what TFS_OPENVINO_DIR says"),
  string("tensorflow_dir", "folder that holds TensorFlow's libraries; no other place is looked at", "what TFS_TENSORFLOW_DIR says"),
  string("litert_dir", "folder that holds LiteRT's library; no other place is looked at", "what TFS_LITERT_DIR says"),
  help,
];

export const installFlags: readonly Flag[] = [
  string("version", "one version, or a range such as 2.21.*", "what the engine was tried with"),
  cache,
  bool("yes", "do not ask before downloading"),
  bool("json", "print an object that says what lies where"),
  help,
];

export const buildTfjsFlags: readonly Flag[] = [
  string("tensorflow_dir", "folder of TensorFlow's Python package, headers and all", "what TFS_TENSORFLOW_DIR says, else python3's"),
  string("package", "gpu or cpu: which of the two is built", "gpu where it is installed"),
  string("nodedir", "folder that holds include/node/node_api.h", "that of this Node, else the system's"),
  { name: "compiler", kind: "string", fallback: "g++", group, help: "C++ compiler that takes gcc's options" },
  help,
];

export const probeHeadline = `tfs-server engine probe: which engines can run here, where their libraries were
found, and why not: every place that was looked at`;

export const installHeadline = `tfs-server engine install openvino|tensorflow|litert: downloads an engine's
libraries by Python's pip, with its index and proxy, and keeps what the engine
needs of them, and the licences`;

export const buildTfjsHeadline = `tfs-server engine build-tfjs: compiles the addon of an installed
@tensorflow/tfjs-node-gpu, or @tensorflow/tfjs-node, against a TensorFlow of
today; nothing is downloaded`;

export const overview: string = `tfs-server engine: which engines can run here, and the libraries that they need

  tfs-server engine probe               which engines can run here, and why not
  tfs-server engine install openvino    fast on CPU; 59 MB, unpacked 92 MB
  tfs-server engine install tensorflow  all of TensorFlow; 274 MB, 854 MB
  tfs-server engine install litert      for model.tflite; 22 MB, 8 MB

--help behind either lists its flags
`;

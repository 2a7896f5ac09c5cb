import { codeName, type Flags, type Level, toFailure } from "@tfs/std";

/** startFailure is the line on standard output by which scripts know that TensorFlow Serving did not start. */
export function startFailure(err: unknown): string {
  const { code, message } = toFailure(err);
  return `Failed to start server. Error: ${codeName(code)}: ${message}\n`;
}

/** versionText has TensorFlow Serving's two lines, so that what reads a version from the third word finds ours; the second tells which TensorFlow runs models, if one does. */
export function versionText(version: string, engine: string, tensorFlow = "none"): string {
  return `TensorFlow ModelServer: ${version} (tfs-server)\nTensorFlow Library: ${tensorFlow} (engine ${engine})\n`;
}

/** runningLines are what supervisors wait for in TensorFlow Serving's log. `rest` tells whether REST is served. */
export function runningLines(flags: Flags, rest: boolean): string[] {
  const [port, socket, host] = [flags.int("port"), flags.string("grpc_socket_path"), flags.string("host")];
  const lines: string[] = [];
  if (port !== 0) lines.push(`Running gRPC ModelServer at ${host || "0.0.0.0"}:${port} ...`);
  if (socket !== "") lines.push(`Running gRPC ModelServer at UNIX socket ${socket} ...`);
  if (rest) lines.push(`Exporting HTTP/REST API at:${host || "localhost"}:${flags.int("rest_api_port")} ...`);
  return lines;
}

const levels: readonly Level[] = ["info", "warn", "error", "error"]; // TensorFlow's INFO, WARNING, ERROR, FATAL

/** defaultLevel is what TF_CPP_MIN_LOG_LEVEL stands for; "info" for anything that is no such number. */
export function defaultLevel(env: { readonly [name: string]: string | undefined }): Level {
  const text = env["TF_CPP_MIN_LOG_LEVEL"] ?? "";
  return /^\d+$/.test(text) ? levels[Math.min(Number(text), 3)]! : "info";
}

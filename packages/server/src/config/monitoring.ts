import { MonitoringConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/monitoring_config_pb.js";
import type { Flags, Logger } from "@tfs/std";
import { readTextProto } from "./file.ts";

/** The page's path, where the file that asks for it names none. */
const defaultPath = "/monitoring/prometheus/metrics";

/**
 * monitoringPath reads the flag that asks for TensorFlow Serving's page of metrics, and the file that it names, if there is a REST port that could have it. It gives
 * the page's path; undefined without a page. A path that no request can have is remarked on. Throws InvalidArgument or NotFound in TensorFlow Serving's words.
 */
export async function monitoringPath(flags: Flags, logger: Logger): Promise<string | undefined> {
  const file = flags.string("monitoring_config_file");
  const port = flags.int("rest_api_port");
  if (file === "" || port === 0 || port === flags.int("port")) return undefined;
  const { prometheusConfig: prometheus } = await readTextProto(MonitoringConfigSchema, file);
  if (prometheus?.enable !== true) return undefined;
  const path = prometheus.path || defaultPath;
  if (!path.startsWith("/")) logger.warn("a page that nobody can ask for: its path does not begin with /", { flag: "monitoring_config_file", file, path });
  return path;
}

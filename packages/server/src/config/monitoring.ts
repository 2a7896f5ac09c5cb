import { MonitoringConfigSchema } from "@tfs/proto/gen/tensorflow_serving/config/monitoring_config_pb.js";
import type { Flags } from "@tfs/std";
import { readTextProto } from "./file.ts";

/** The page's path, where the file that asks for it names none. */
const defaultPath = "/monitoring/prometheus/metrics";

/**
 * monitoringPath reads the flag that asks for TensorFlow Serving's page of metrics, and the file that it names, if there is a REST port that could have it. It gives
 * the page's path; undefined without a page. Throws InvalidArgument or NotFound in TensorFlow Serving's words.
 */
export async function monitoringPath(flags: Flags): Promise<string | undefined> {
  const file = flags.string("monitoring_config_file");
  const port = flags.int("rest_api_port");
  if (file === "" || port === 0 || port === flags.int("port")) return undefined;
  const { prometheusConfig: prometheus } = await readTextProto(MonitoringConfigSchema, file);
  return prometheus?.enable === true ? prometheus.path || defaultPath : undefined;
}

import type { LoggingConfig } from "@tfs/proto/gen/tensorflow_serving/config/logging_config_pb.js";
import { Code, newError } from "@tfs/std";

/** LogRecord is one PredictionLog message, serialised, in pieces that stand one after the other. */
export interface LogRecord {
  /** model is the name of the model that was asked. */
  readonly model: string;
  readonly pieces: readonly Uint8Array[];
  /** sizeBytes is the length of all pieces. */
  readonly sizeBytes: number;
}

/** Collector takes records. TensorFlow Serving's LogCollector. */
export interface Collector {
  /** collect takes a record, or tells by false that it is lost. It does not wait for anything. */
  collect(record: LogRecord): boolean;
  /** close ends once all that was taken is where it belongs. Nothing is collected after it. */
  close(): Promise<void>;
}

/** CollectorFactory makes the collector of a configuration. What it throws refuses the configuration. */
export type CollectorFactory = (config: LoggingConfig) => Collector;

/** factoriesOf gives factories by type. Throws AlreadyExists for one that comes twice, in TensorFlow Serving's words. */
export function factoriesOf(list: Iterable<readonly [type: string, factory: CollectorFactory]>): ReadonlyMap<string, CollectorFactory> {
  const factories = new Map<string, CollectorFactory>();
  for (const [type, factory] of list) {
    if (factories.has(type)) throw newError(Code.AlreadyExists, `Type ${type} already registered.`);
    factories.set(type, factory);
  }
  return factories;
}

/**
 * Package telemetry tells OpenTelemetry of calls: a span for each, part of its caller's trace, and metrics. It speaks to OpenTelemetry's API package, which whoever
 * wants it installs, and which hands on to the SDK that is registered in the process.
 *
 *     const telemetry = await openTelemetry();
 *     const meter = newMeter({ registry, models, spans: telemetry.spans });
 *     telemetry.observe(() => registry.collect());
 *
 * @module
 */
export type { Telemetry } from "./telemetry.ts";
export { openTelemetry } from "./telemetry.ts";

import { Code, newError } from "@tfs/std";
import type { Family } from "@tfs/std/metrics";
import type { Spans } from "../meter/index.ts";
import { newObserver } from "./observe.ts";
import { newSpans } from "./spans.ts";

/** Telemetry is where OpenTelemetry is told of a server. */
export interface Telemetry {
  readonly spans: Spans;
  /** observe lets OpenTelemetry read the counters and levels that `read` gives, those that are there now, whenever it collects. The function it gives ends that. */
  observe(read: () => readonly Family[]): () => void;
}

const peer = "@opentelemetry/api";

/** openTelemetry loads OpenTelemetry's API. Throws FailedPrecondition with what to do if that is not there. */
export async function openTelemetry(): Promise<Telemetry> {
  let api: Api;
  try {
    api = await import("@opentelemetry/api");
  } catch (err) {
    throw newError(Code.FailedPrecondition, `OpenTelemetry needs the package ${peer}, which cannot be loaded: npm install ${peer}`, err);
  }
  return { spans: newSpans(api), observe: newObserver(api) };
}

export type Api = typeof import("@opentelemetry/api");

/** scope is what our spans and metrics are known to come from. */
export const scope = "@tfs/server";

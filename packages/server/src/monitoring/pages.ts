import {
  type Family,
  openMetricsType,
  printOpenMetrics,
  printPrometheus,
  printTensorFlow,
  prometheusType,
  type Registry,
  tensorFlowType,
} from "@tfs/std/metrics";
import type { Levels } from "./levels.ts";

/** Page is an answer to who looks at metrics. */
export interface Page {
  readonly status: number;
  readonly body: Uint8Array;
  readonly type: string;
  readonly outside: true;
}

/** Pages answers paths of pages: with undefined, if a path is none. `accept` is the request's field of that name. */
export type Pages = (method: string, target: string, accept: string | undefined) => Page | undefined;

export interface PagesOptions {
  readonly registry: Registry;
  /** levels are on our own page, beside what is counted. */
  readonly levels: readonly Levels[];
  /** tensorFlowPath is where TensorFlow Serving's page is, and path where ours is; undefined for a page that is not wanted. If both are the same, ours is not there. */
  readonly tensorFlowPath: string | undefined;
  readonly path: string | undefined;
}

/** newPages makes what answers for both pages. */
export function newPages({ registry, levels, tensorFlowPath, path }: PagesOptions): Pages {
  return (method, target, accept) => {
    if (tensorFlowPath !== undefined && isAt(target, tensorFlowPath)) {
      if (target !== tensorFlowPath) return page(400, `Unexpected path: ${target}. Should be ${tensorFlowPath}`, tensorFlowType); // upstream's words
      return page(200, printTensorFlow(registry.collect().filter(({ name }) => isUpstream(name))), tensorFlowType);
    }
    if (path === undefined || !isAt(target, path) || (method !== "GET" && method !== "HEAD")) return undefined;
    const families = ownFamilies(registry, levels);
    families.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (acceptsOpenMetrics(accept)) return page(200, printOpenMetrics(families), openMetricsType);
    return page(200, printPrometheus(families), prometheusType);
  };
}

/** ownFamilies gives what is ours: what is counted, and the levels beside it. */
export function ownFamilies(registry: Registry, levels: readonly Levels[]): Family[] {
  return [...registry.collect().filter(({ name }) => !isUpstream(name)), ...levels.flatMap((read) => read())];
}

/** isAt tells whether a target is a path, with a query or without. */
function isAt(target: string, path: string): boolean {
  return target.startsWith(path) && (target.length === path.length || target[path.length] === "?");
}

/** isUpstream tells names of TensorFlow Serving, which are paths, from ours. */
function isUpstream(name: string): boolean {
  return name.startsWith("/");
}

/** acceptsOpenMetrics tells whether a client wants version 1 of it, as Prometheus does first of all: with version 0 and others it gets the other form. */
function acceptsOpenMetrics(accept: string | undefined): boolean {
  return (accept ?? "")
    .split(",")
    .some((one) => /^\s*application\/openmetrics-text\s*;/i.test(one) && /;\s*version=1\.0\.0/.test(one) && !/;\s*q=0(\.0*)?\s*$/.test(one));
}

const utf8 = new TextEncoder();

function page(status: number, text: string, type: string): Page {
  return { status, body: utf8.encode(text), type, outside: true };
}

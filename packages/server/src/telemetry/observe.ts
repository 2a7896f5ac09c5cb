import type { Attributes, Observable } from "@opentelemetry/api";
import type { Family } from "@tfs/std/metrics";
import { type Api, scope } from "./telemetry.ts";

/** newObserver gives what shows our counters and levels to OpenTelemetry. Histograms are none that it can read; the spans measure for it. */
export function newObserver(api: Api): (read: () => readonly Family[]) => () => void {
  return (read) => {
    const meter = api.metrics.getMeter(scope);
    const instruments = new Map<string, Observable>();
    for (const { name, help, kind } of read()) {
      if (kind === "histogram") continue;
      const options = { description: help, ...unitOf(name) };
      const shown = name.replace(/_total$/, "");
      instruments.set(name, kind === "counter" ? meter.createObservableCounter(shown, options) : meter.createObservableGauge(shown, options));
    }
    const all = [...instruments.values()];
    const callback: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
      for (const { name, labels, cells } of read()) {
        const instrument = instruments.get(name);
        if (instrument === undefined) continue;
        for (const { values, value } of cells)
          result.observe(instrument, value, Object.fromEntries(labels.map((label, i) => [label, values[i]!])) as Attributes);
      }
    };
    meter.addBatchObservableCallback(callback, all);
    return () => meter.removeBatchObservableCallback(callback, all);
  };
}

function unitOf(name: string): { readonly unit?: string } {
  const unit = /_(seconds|bytes)(?:_total)?$/.exec(name)?.[1];
  return unit === undefined ? {} : { unit: unit === "seconds" ? "s" : "By" };
}

// Registers OpenTelemetry's SDK in a process that it is imported into, and writes each span as a line to standard error.
import { propagation, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const exporter = {
  export(spans, done) {
    for (const span of spans) process.stderr.write(`${JSON.stringify({ span: span.name, trace: span.spanContext().traceId })}\n`);
    done({ code: 0 });
  },
  shutdown: async () => {},
};
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

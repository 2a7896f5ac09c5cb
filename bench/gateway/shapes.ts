// The shapes of load. A ratio means nothing without its shape: batching is what makes the difference, and each shape has another amount of it.

import type { Protocol } from "./protocols.ts";

/** Metric is what a shape is about. Less is better, except for the rate. */
export type Metric = "cpu" | "latency" | "rate" | "memory";

/** Tls is where TLS is spoken. */
export type Tls = "in" | "both";

/** Shape is one kind of load, the same for every peer. */
export interface Shape {
  readonly name: string;
  readonly title: string;
  readonly metric: Metric;
  /** unit is what the metric's figures are in. */
  readonly unit: "µs" | "req/s" | "bytes";
  readonly protocol: Protocol;
  readonly connections: number;
  /** calls are how many each connection has in flight. */
  readonly calls: number;
  /** rate is how many calls begin a second over all connections, instead of when another ends. */
  readonly rate?: number;
  /** timeouts sends a grpc-timeout of its own with each call. */
  readonly timeouts?: boolean;
  /** stream keeps calls open and sends a message after each answer; figures are per message. */
  readonly stream?: boolean;
  /** tls: callers speak TLS to the proxy, and the proxy to its backends if it is on both sides. */
  readonly tls?: Tls;
  readonly request: "smallRequest" | "smallMessage" | "largeRequest" | "smallJSON" | "largeJSON";
  readonly response: "smallResponse" | "largeResponse";
  readonly backends?: number;
  /** delayMs is how long a backend takes for an answer. */
  readonly delayMs?: number;
  readonly workers?: number;
  /** proxyCores and loadCores are lists as taskset takes them. */
  readonly proxyCores?: string;
  readonly loadCores?: string;
  /** base is the load whose memory is taken off, by the difference in what is counted. */
  readonly base?: { readonly connections: number; readonly calls: number };
  /** idle makes one round of calls and measures while nothing is in flight. */
  readonly idle?: boolean;
  /** warmMs overrides how long the load runs before the window opens. */
  readonly warmMs?: number;
  /** warmCalls are made before the window opens, unless they take too long: on a busy machine a time says little about what has been compiled. */
  readonly warmCalls?: number;
  readonly quick?: boolean;
}

const small = { protocol: "grpc", request: "smallRequest", response: "smallResponse" } as const;
const cpu = { metric: "cpu", unit: "µs" } as const;

export const shapes: readonly Shape[] = [
  {
    ...cpu,
    ...small,
    name: "headline",
    title: "small gRPC, 4 connections × 32 streams, another grpc-timeout on each call",
    connections: 4,
    calls: 32,
    timeouts: true,
    quick: true,
  },
  { ...cpu, ...small, name: "small", title: "small gRPC, 4 × 32, the same headers on each call", connections: 4, calls: 32 },
  { ...cpu, ...small, name: "c64", title: "small gRPC, 64 × 2", connections: 64, calls: 2, quick: true },
  { ...cpu, ...small, name: "c1000", title: "small gRPC, 1000 × 1", connections: 1000, calls: 1 },
  { ...cpu, ...small, name: "backends4", title: "small gRPC, 4 × 32, four backends", connections: 4, calls: 32, backends: 4 },
  { ...cpu, ...small, name: "paced", title: "small gRPC, 2000 calls a second over 8 connections", connections: 8, calls: 1, rate: 2000 },
  { ...cpu, ...small, name: "workers2", title: "small gRPC, 8 × 32, two workers on both cores", connections: 8, calls: 32, workers: 2, proxyCores: "0,1" },
  { ...cpu, ...small, name: "tls-in", title: "small gRPC, 4 × 32, TLS to the proxy", connections: 4, calls: 32, tls: "in" },
  { ...cpu, ...small, name: "tls-both", title: "small gRPC, 4 × 32, TLS to the proxy and to the backend", connections: 4, calls: 32, tls: "both" },
  {
    ...cpu,
    name: "large",
    warmCalls: 6000, // at so few calls a second it takes seconds until all is compiled
    title: "602 KB gRPC requests, 4 × 4",
    protocol: "grpc",
    request: "largeRequest",
    response: "smallResponse",
    connections: 4,
    calls: 4,
    quick: true,
  },
  {
    ...cpu,
    name: "large-response",
    title: "602 KB gRPC responses, 4 × 4",
    protocol: "grpc",
    request: "smallRequest",
    response: "largeResponse",
    connections: 4,
    calls: 4,
  },
  {
    ...small,
    name: "latency",
    warmCalls: 20_000, // one at a time, it takes seconds until all is compiled
    title: "small gRPC, one call at a time, all on one core: median latency",
    metric: "latency",
    unit: "µs",
    connections: 1,
    calls: 1,
    proxyCores: "1",
    quick: true,
  },
  {
    ...small,
    name: "inflight",
    title: "small gRPC, 100 × 100 in flight, backend takes 100 ms",
    metric: "rate",
    unit: "req/s",
    connections: 100,
    calls: 100,
    delayMs: 100,
    warmMs: 2500,
  },
  {
    ...small,
    name: "memory",
    title: "memory per call in flight: 100 × 100, backend takes 2 s",
    metric: "memory",
    unit: "bytes",
    connections: 100,
    calls: 100,
    base: { connections: 100, calls: 1 },
    delayMs: 2000,
    warmMs: 2500,
  },
  {
    ...small,
    name: "idle",
    title: "memory per idle connection, of 5000 that have made a call",
    metric: "memory",
    unit: "bytes",
    connections: 5000,
    calls: 1,
    base: { connections: 1, calls: 1 },
    idle: true,
    warmMs: 3000,
  },
  { ...cpu, ...small, name: "stream", title: "bidirectional streams, 4 × 32, per message", connections: 4, calls: 32, stream: true },
  { ...cpu, ...small, name: "grpc-web", title: "small gRPC-Web calls, 32 connections", protocol: "grpc-web", connections: 32, calls: 1 },
  { ...cpu, ...small, name: "connect", title: "small Connect calls, 32 connections", protocol: "connect", request: "smallMessage", connections: 32, calls: 1 },
  {
    ...cpu,
    name: "rest-small",
    title: "REST to gRPC, 10 floats, 32 connections",
    protocol: "rest",
    request: "smallJSON",
    response: "smallResponse",
    connections: 32,
    calls: 1,
    warmCalls: 50_000, // more code than forwarding: it takes more calls until all of it is compiled
    quick: true,
  },
  {
    ...cpu,
    name: "rest-large",
    warmCalls: 60,
    title: "REST to gRPC, 150,528 floats, 4 connections",
    protocol: "rest",
    request: "largeJSON",
    response: "smallResponse",
    connections: 4,
    calls: 1,
  },
];

/** Who else can do what: translating is rare, the Go forwarder passes whole calls on, and is set up without TLS. */
const able: Readonly<Record<Protocol | "stream" | "tls", readonly string[]>> = {
  grpc: ["envoy", "nginx", "haproxy", "go"],
  stream: ["envoy", "nginx", "haproxy"],
  tls: ["envoy", "nginx", "haproxy"],
  "grpc-web": ["envoy"],
  connect: ["envoy"],
  rest: ["gin"],
};

/** takes tells whether a peer is measured in a shape. Ours is in all; shared buffers matter where bodies are large, and the floor where a target may lie below it. */
export function takes(peer: string, shape: Shape): boolean {
  if (peer === "tfs") return true;
  if (peer === "go-shared") return shape.request === "largeRequest" || shape.response === "largeResponse";
  if (peer === "relay") return shape.name === "large" || shape.name === "latency";
  const kind = shape.stream === true ? "stream" : shape.tls !== undefined ? "tls" : shape.protocol;
  return able[kind].includes(peer);
}

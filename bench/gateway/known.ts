// What is known and what is wanted. Known: medians of the peers on the machine that the project's figures come from (two cores of a virtual machine);
// a peer far above its own is a peer that was disturbed or wrongly set up, and a comparison with it is worth nothing.

/** Known figures by shape and peer, in the shape's unit; for latency, what the proxy adds to a call without one. */
export const known: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  headline: { envoy: 109, haproxy: 21.1, go: 66.6 },
  small: { envoy: 108, nginx: 60, haproxy: 21.3, go: 52 },
  c64: { envoy: 136, nginx: 83.4, haproxy: 34.2, go: 65 },
  c1000: { envoy: 171, nginx: 97.8, haproxy: 47.1, go: 101 },
  backends4: { envoy: 97.6, nginx: 60.7, haproxy: 24.9, go: 65.1 },
  paced: { envoy: 250, nginx: 132, haproxy: 125, go: 232 },
  workers2: { envoy: 121, go: 86 },
  large: { envoy: 848, nginx: 579, haproxy: 832, go: 1340 },
  latency: { envoy: 293, nginx: 156, haproxy: 149, go: 266 },
  inflight: { envoy: 5350, nginx: 10_120, haproxy: 39_310, go: 15_334 },
  memory: { envoy: 28_000, nginx: 32_000, haproxy: 10_000, go: 26_000 },
  "rest-small": { gin: 137 },
  "rest-large": { gin: 92_700 },
};

/** A peer's median may be this much worse than known. */
export const tolerance = 1.2;

/** Target is what our gateway is held to in one shape. */
export interface Target {
  /** ratios are how many times better than a peer, at least; medians of the rounds' ratios. */
  readonly ratios: Readonly<Record<string, number>>;
  /** figure is the worst own median. */
  readonly figure: number;
  /** p99 is the longest own latency that 99 % of calls stay below, in µs. */
  readonly p99?: number;
}

export const targets: Readonly<Record<string, Target>> = {
  headline: { ratios: { envoy: 12, haproxy: 2.5, go: 7 }, figure: 9 },
  c64: { ratios: { envoy: 6, haproxy: 1.7, go: 3 }, figure: 20 },
  c1000: { ratios: { envoy: 4, haproxy: 1.2, go: 2.5 }, figure: 38 },
  large: { ratios: { envoy: 1.7, nginx: 1, haproxy: 1.7, go: 2.8 }, figure: 480 },
  latency: { ratios: { envoy: 3, haproxy: 1.5, go: 2.5 }, figure: 95 },
  inflight: { ratios: { envoy: 8, haproxy: 1.8, go: 4 }, figure: 80_000, p99: 150_000 },
  memory: { ratios: {}, figure: 4_096 },
  idle: { ratios: {}, figure: 20_480 },
  "rest-small": { ratios: { gin: 2.5 }, figure: 55 },
  "rest-large": { ratios: { gin: 7.5 }, figure: 12_000 },
};

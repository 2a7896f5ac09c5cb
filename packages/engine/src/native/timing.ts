/** Timing learns how long runs take, by the size of what they are fed, and says which are short enough for the event loop. */
export interface Timing {
  /** small tells whether runs with about so many bytes of input were short of late. What has not been seen a few times is not small. */
  small(bytes: number): boolean;
  /** least is what the quickest of the last runs with about so many bytes took, in milliseconds; undefined for what has not been seen a few times. */
  least(bytes: number): number | undefined;
  took(bytes: number, ms: number): void;
}

export interface TimingOptions {
  /** smallMs is what a run may take in the event loop; default 0.5. Going to a thread and back costs a tenth of that. */
  readonly smallMs?: number;
}

/** What is remembered of one size: the quickest of the last few runs, since the machine's other work only ever adds. */
const kept = 8;
const needed = 3;

/** newTiming makes one, for one set of fetches of one model. */
export function newTiming({ smallMs = 0.5 }: TimingOptions = {}): Timing {
  const sizes: number[][] = [];
  function least(bytes: number): number | undefined {
    const last = sizes[classOf(bytes)];
    return last !== undefined && last.length >= needed ? Math.min(...last) : undefined;
  }
  return {
    small: (bytes) => (least(bytes) ?? Number.POSITIVE_INFINITY) < smallMs,
    least,
    took(bytes, ms) {
      const last = (sizes[classOf(bytes)] ??= []);
      last.push(ms);
      if (last.length > kept) last.shift();
    },
  };
}

/** classOf puts sizes within a factor of two together. */
function classOf(bytes: number): number {
  return 32 - Math.clz32(Math.min(bytes, 2 ** 31));
}

/** ListenerLife says how long an HTTP/2 connection may live, and how a peer that is silent is found to be gone. In ms, looked at once a second; Infinity is never. */
export interface ListenerLife {
  /** ageMs after it began a connection takes no new streams; up to a tenth more or less, so that those that began together do not come again together. Default Infinity. */
  readonly ageMs: number;
  /** graceMs later it is cut. Default Infinity. */
  readonly graceMs: number;
  /** pingMs after the last byte of its peer it is asked for a sign of life. Default Infinity. */
  readonly pingMs: number;
  /** pingTimeoutMs later it is cut, if none came. Default 20 s. */
  readonly pingTimeoutMs: number;
}

export const defaultListenerLife: ListenerLife = {
  ageMs: Number.POSITIVE_INFINITY,
  graceMs: Number.POSITIVE_INFINITY,
  pingMs: Number.POSITIVE_INFINITY,
  pingTimeoutMs: 20_000,
};

/** Lived is a connection whose life is watched. */
export interface Lived {
  /** received grows with whatever the peer sends. */
  received(): number;
  ping(onAck: () => void): void;
  /** close takes no new streams. */
  close(): void;
  cut(why: string): void;
}

/** Lifetime watches one connection. */
export interface Lifetime {
  sweep(now: number): void;
}

/** newLifetime begins `now`. The number of the connection spreads ages. */
export function newLifetime(
  lived: Lived,
  { life, number, now: began }: { readonly life: ListenerLife; readonly number: number; readonly now: number },
): Lifetime {
  const ageMs = life.ageMs * (0.9 + 0.2 * ((number * goldenRatio) % 1));
  let seen = lived.received();
  let heardAt = began;
  let asked = false;
  return {
    sweep(now) {
      if (now - began >= ageMs + life.graceMs) return lived.cut("it is too old");
      if (now - began >= ageMs) lived.close();
      const received = lived.received();
      if (received !== seen) {
        seen = received;
        heardAt = now;
        asked = false;
      }
      if (asked && now - heardAt >= life.pingMs + life.pingTimeoutMs) return lived.cut("it does not answer a ping");
      if (asked || now - heardAt < life.pingMs) return;
      asked = true;
      heardAt = now - life.pingMs; // the time to answer begins now
      lived.ping(() => {});
    },
  };
}

/** Multiples of it, less their whole parts, are spread evenly however many there are. */
const goldenRatio = 0.618_033_988_749_895;

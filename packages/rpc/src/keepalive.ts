import type { Clock, Timer } from "@tfs/std";

export interface KeepaliveOptions {
  readonly clock: Clock;
  /** Silence, with calls in flight, after which a ping is sent. */
  readonly pingMs: number;
  /** An unanswered ping this old means that the peer is dead. */
  readonly pingTimeoutMs: number;
  /** bytesRead grows with whatever the peer sends. */
  readonly bytesRead: () => number;
  /** ping sends one; `onAck` is called when the answer has come. */
  readonly ping: (onAck: () => void) => void;
  readonly onDead: () => void;
}

/** Keepalive watches one connection while it has calls in flight. */
export interface Keepalive {
  /** watch starts (or goes on) watching; call it when the first call starts. */
  watch(): void;
  /** rest stops watching; call it when the last call has ended. */
  rest(): void;
  /** stop ends it, with its timer. */
  stop(): void;
}

/** A gRPC server cuts clients that ping more than this without data in between (grpc-core: ping strikes), unless pings are restMs apart. */
const pingsPerSilence = 2;
const restMs = 300_000;

/** newKeepalive pings a silent peer twice at most in quick succession, then every five minutes, so that servers do not take it for abuse. */
export function newKeepalive(options: KeepaliveOptions): Keepalive {
  const { clock, pingMs } = options;
  let timer: Timer | undefined;
  let seenBytes = 0;
  let pings = 0; // sent since data last came
  let ackBytes = 0; // what answers to pings may have added to bytesRead
  let waiting = false;
  /** No call is in flight; the timer ends by itself, as calls that come one at a time would otherwise start and stop one each. */
  let resting = false;

  function arm(ms: number, fn: () => void): void {
    timer?.cancel();
    timer = clock.after(ms, fn, { background: true });
  }
  function look(): void {
    if (resting) {
      timer = undefined;
      return;
    }
    const bytes = options.bytesRead();
    if (bytes > seenBytes + ackBytes) {
      seenBytes = bytes;
      pings = 0;
      ackBytes = 0;
      arm(pingMs, look);
      return;
    }
    pings++;
    ackBytes += ackFrameBytes;
    waiting = true;
    arm(options.pingTimeoutMs, options.onDead);
    options.ping(() => {
      if (!waiting) return;
      waiting = false;
      arm(pings < pingsPerSilence ? pingMs : Math.max(restMs, pingMs), look);
    });
  }
  function stop(): void {
    waiting = false;
    timer?.cancel();
    timer = undefined;
  }
  return {
    watch() {
      if (timer !== undefined && !resting) return;
      resting = false;
      seenBytes = timer === undefined ? options.bytesRead() : -1; // with less than pingMs left on it, the first look only begins to count
      if (timer === undefined) arm(pingMs, look);
      pings = 0;
      ackBytes = 0;
    },
    rest() {
      resting = true;
      if (waiting) stop();
    },
    stop,
  };
}

/** Size of a PING frame: RFC 9113, sections 4.1 and 6.7. */
const ackFrameBytes = 17;

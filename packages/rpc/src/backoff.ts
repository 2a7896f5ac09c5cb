/** BackoffOptions say how long to wait before attempt n+1 after n failures in a row. */
export interface BackoffOptions {
  /** Wait after the first failure, in milliseconds. */
  readonly firstMs: number;
  /** No wait is longer (before jitter), in milliseconds. */
  readonly maxMs: number;
  /** random gives [0, 1). */
  readonly random: () => number;
}

const factor = 1.6; // with the jitter below: gRPC's connection backoff protocol (grpc/doc/connection-backoff.md)
const jitter = 0.2;

/** backoffMs grows by 1.6 for each failure in a row, up to maxMs, give or take 20 %. */
export function backoffMs(failures: number, options: BackoffOptions): number {
  const base = Math.min(options.maxMs, options.firstMs * factor ** Math.max(0, failures - 1));
  return base * (1 - jitter + 2 * jitter * options.random());
}

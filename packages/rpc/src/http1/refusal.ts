/** Refusal is what a request that cannot be served gets: a status, and a sentence for whoever wrote the client. It is thrown, and caught by the connection. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly refused: true;
}

/** refusal makes one: an object without a stack, because strangers decide how often one is needed. */
export function refusal(status: number, reason: string): Refusal {
  return { status, reason, refused: true };
}

export function isRefusal(err: unknown): err is Refusal {
  return typeof err === "object" && err !== null && "refused" in err && err.refused === true;
}

/** Replay keeps what a caller has said so far, so that a backend which refused the call unseen can be replaced. Past a limit it lets go, and the call stays where it is. */
export interface Replay {
  readonly chunks: readonly Uint8Array[];
  readonly ended: boolean;
  /** whole tells whether everything that was said is still here. */
  readonly whole: boolean;
  push(chunk: Uint8Array): void;
  end(): void;
  /** drop lets go: the backend has answered. */
  drop(): void;
}

/** newReplay keeps at most maxBytes. */
export function newReplay(maxBytes: number): Replay {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let ended = false;
  let whole = true;
  const drop = (): void => {
    whole = false;
    chunks = [];
  };
  return {
    get chunks() {
      return chunks;
    },
    get ended() {
      return ended;
    },
    get whole() {
      return whole;
    },
    push(chunk) {
      if (!whole) return;
      bytes += chunk.length;
      if (bytes > maxBytes) drop();
      else chunks.push(chunk);
    },
    end() {
      ended = true;
    },
    drop,
  };
}

/** Replay keeps what a client has said, so that a backend which refused the call unseen can be replaced. It keeps little: past the limit the call stays where it is. */
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

/** Most a call may have said before it is tied to its backend. */
const maxBytes = 1 << 20;

export function newReplay(): Replay {
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

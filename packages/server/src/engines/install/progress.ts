/** Progress tells people how far something is. */
export interface Progress {
  /** say writes a line. */
  say(line: string): void;
  /** at says how much of a stage is done: a bar that moves on a terminal, elsewhere a line for each quarter. `total` is undefined if nobody knows. */
  at(stage: string, done: number, total: number | undefined): void;
}

export interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The bar has at most so many places, and the rest of its line takes so many. */
const most = 40;
const words = 48;

/** newProgress writes to a terminal, or to what takes lines. */
export function newProgress(to: Terminal): Progress {
  let moving = false;
  let stage = "";
  let quarter = -1;
  const end = (): void => {
    if (moving) to.write("\n");
    moving = false;
  };
  return {
    say(line) {
      end();
      to.write(`${line}\n`);
    },
    at(now, done, total) {
      if (now !== stage) {
        end();
        stage = now;
        quarter = -1;
      }
      const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
      const amount = total === undefined ? bytes(done) : `${bytes(done)} of ${bytes(total)}`;
      if (to.isTTY === true) {
        const places = Math.max(0, Math.min(most, (to.columns || 80) - words));
        const bar = share === undefined || places === 0 ? "" : `[${"#".repeat(Math.round(share * places)).padEnd(places, "-")}] `;
        to.write(`\r${now} ${bar}${share === undefined ? "" : `${String(Math.floor(share * 100)).padStart(3)} %  `}${amount}\u001b[K`);
        moving = true;
        if (share === 1) end();
        return;
      }
      const reached = share === undefined ? 0 : Math.floor(share * 4);
      if (reached === quarter) return;
      quarter = reached;
      to.write(`${now}: ${share === undefined ? "" : `${reached * 25} %, `}${amount}\n`);
    },
  };
}

/** bytes prints a size for people, in powers of ten as package indexes do. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const unit = n < 999_950 ? ([1e3, "kB"] as const) : n < 999_950_000 ? ([1e6, "MB"] as const) : ([1e9, "GB"] as const);
  return `${(n / unit[0]).toFixed(1)} ${unit[1]}`;
}

import { type Logger, newLogger, systemClock } from "@tfs/std";

/** Heard is a log that a test can wait for. */
export interface Heard {
  readonly logger: Logger;
  /** lines are what was said; a test may take out what it has looked at. */
  readonly lines: string[];
  /** line resolves with the first line that matches, said already or to come. */
  line(pattern: RegExp): Promise<string>;
}

export function newHeard(): Heard {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const write = (line: string): void => {
    lines.push(line);
    for (const look of waiting) look();
  };
  return {
    logger: newLogger({ write, clock: systemClock(), level: "info" }),
    lines,
    line: (pattern) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

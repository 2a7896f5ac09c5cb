import type { Fields, Logger } from "@tfs/std";

/** Event is what was logged. */
export interface Event {
  readonly event: string;
  readonly fields: Fields;
}

/** Events is a log that a test waits for. */
export interface Events {
  readonly logger: Logger;
  readonly all: readonly Event[];
  /** next gives the fields of the next event of that name which nobody was given yet. */
  next(event: string): Promise<Fields>;
}

export function newEvents(): Events {
  const all: Event[] = [];
  const given = new Set<Event>();
  let waiting: (() => void)[] = [];
  const add = (event: string, fields: Fields = {}): void => {
    all.push({ event, fields });
    const now = waiting;
    waiting = [];
    for (const look of now) look();
  };
  const logger: Logger = { debug: add, info: add, warn: add, error: add, with: () => logger };
  return {
    logger,
    all,
    async next(event) {
      for (;;) {
        const found = all.find((e) => e.event === event && !given.has(e));
        if (found !== undefined) {
          given.add(found);
          return found.fields;
        }
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

import { type Clock, Code, newError } from "@tfs/std";

const minuteMs = 60_000;

/** Deaths are those of threads, of late. */
export interface Deaths {
  /** check throws Unavailable if there were too many. */
  check(): void;
  /** add tells of one. */
  add(): void;
}

export interface DeathsOptions {
  readonly clock: Clock;
  /** max is how many within a minute are too many. */
  readonly max: number;
  /** message is what is told then. */
  readonly message: string;
}

/** newDeaths begins without any. */
export function newDeaths({ clock, max, message }: DeathsOptions): Deaths {
  let times: readonly number[] = [];
  return {
    check() {
      times = times.filter((at) => at > clock.now() - minuteMs);
      if (times.length >= max) throw newError(Code.Unavailable, message);
    },
    add() {
      times = [...times, clock.now()];
    },
  };
}

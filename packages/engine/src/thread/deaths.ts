import { type Clock, Code, newError } from "@tfs/std";

const minuteMs = 60_000;
/** A model whose runs have ended their thread so often within a minute is run no more until that is past. */
const maxDeaths = 5;

/** Deaths are those of threads that died of one model. */
export interface Deaths {
  /** check throws Unavailable if there were too many of late. */
  check(): void;
  /** add tells of one. */
  add(): void;
}

export function newDeaths(clock: Clock): Deaths {
  let times: readonly number[] = [];
  return {
    check() {
      times = times.filter((at) => at > clock.now() - minuteMs);
      if (times.length >= maxDeaths)
        throw newError(Code.Unavailable, `the model has ended its thread ${maxDeaths} times within a minute: it is not run until that is past`);
    },
    add() {
      times = [...times, clock.now()];
    },
  };
}

import { Code, codeOf } from "@tfs/std";
import type { Life, Thread } from "./thread.ts";

/** There is where a model is: in which life of a thread, under which number. */
export interface There<Request, Done, Info> {
  readonly life: Life<Request, Done, Info>;
  readonly model: number;
}

/** Stay is a model's in a thread. A thread that dies takes it along; who asks next brings it there again. */
export interface Stay<Request, Done, Info> {
  /** there gives where the model is, and brings it there if it is not. */
  there(): Promise<There<Request, Done, Info>>;
  /** end takes the model out of the thread, and leaves it. No run may be under way. */
  end(): Promise<void>;
}

export interface StayOptions<Request, Done, Info> {
  readonly thread: Thread<Request, Done, Info>;
  /** bring brings the model into the thread. */
  bring(): Promise<There<Request, Done, Info>>;
  /** drop is the request that takes it out. */
  drop(model: number): Request;
}

/** newStay joins the thread, and brings nothing yet. */
export function newStay<Request, Done, Info>({ thread, bring, drop }: StayOptions<Request, Done, Info>): Stay<Request, Done, Info> {
  let current: Promise<There<Request, Done, Info>> | undefined;
  thread.join();
  return {
    async there() {
      const before = current;
      const last = await before?.catch(() => undefined);
      if (last !== undefined && !last.life.ended) return last;
      if (current === before) current = bring(); // else another call does it
      return await current!;
    },
    async end() {
      try {
        const there = await current?.catch(() => undefined);
        await there?.life.call(drop(there.model));
      } catch (err) {
        if (codeOf(err) !== Code.Unavailable) throw err; // a thread that has died has no model left
      } finally {
        await thread.leave();
      }
    },
  };
}

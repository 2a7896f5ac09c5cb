import type { Admission } from "../admission/index.ts";

/** admitting takes every call, and lets it run at once. */
export const admitting: Pick<Admission, "refuse" | "run"> = { refuse: () => undefined, run: (_ctx, _low, work) => work() };

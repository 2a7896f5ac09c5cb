import type { Engine, EngineName } from "@tfs/engine";
import { type Ctx, messageOf, race } from "@tfs/std";

/**
 * newLazyEngine makes an engine that is opened when it is first asked for something. `open` is for all that wait for it: it does not end with the load that asked
 * first. Where it fails, who waits fails with it, and the next to ask opens anew.
 */
export function newLazyEngine(name: EngineName, open: () => Promise<Engine>): Engine {
  let opening: Promise<Engine> | undefined;

  function engine(ctx: Ctx): Promise<Engine> {
    opening ??= open().catch((err: unknown) => {
      opening = undefined;
      throw err;
    });
    return race(ctx, opening);
  }

  return {
    name,
    async probe(ctx) {
      try {
        return await (await engine(ctx)).probe(ctx);
      } catch (err) {
        return { ok: false, why: messageOf(err) };
      }
    },
    async load(ctx, dir, options) {
      return await (await engine(ctx)).load(ctx, dir, options);
    },
  };
}

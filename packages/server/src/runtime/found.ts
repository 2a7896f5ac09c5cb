import type { Engine, EngineName, Search } from "@tfs/engine";
import { background, Code, type Ctx, messageOf, newError, race } from "@tfs/std";

export interface FoundOptions {
  /** find looks for the engine's library. */
  readonly find: (ctx: Ctx) => Promise<Search>;
  /** open makes the engine over the folder that the library was found in. */
  readonly open: (dir: string) => Engine;
}

/** newFoundEngine makes an engine whose library is looked for when it is first asked, and, as long as it was not found, whenever it is asked again. */
export function newFoundEngine(name: EngineName, { find, open }: FoundOptions): Engine {
  let opening: Promise<Engine> | undefined;

  function engine(ctx: Ctx): Promise<Engine> {
    opening ??= look().catch((err: unknown) => {
      opening = undefined;
      throw err;
    });
    return race(ctx, opening);
  }

  /** look is for all that wait for it: it does not end with the load that asked first. */
  async function look(): Promise<Engine> {
    const { found } = await find(background());
    if (found !== undefined) return open(found.dir);
    // Where it was looked for is for whoever has the machine: `engine probe` lists it.
    throw newError(Code.Unavailable, `the ${name} engine's library was found nowhere; tfs-server engine probe says where it was looked for`);
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

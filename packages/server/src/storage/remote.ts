import { background, type Clock, Code, type Logger, newError, withCancel } from "@tfs/std";
import { newArchiveStorage } from "./archive/index.ts";
import { openCache } from "./cache.ts";
import { newGs, newObjectStorage, newS3 } from "./objects/index.ts";
import type { Storages } from "./storage.ts";

/** RemoteTuning is what of the storages elsewhere is set from outside. */
export interface RemoteTuning {
  /** cacheDir holds what is downloaded while it is used; default a folder of the user's own below the system's temporary directory. */
  readonly cacheDir?: string;
  /** limitBytes bounds what one version, or one archive packed or unpacked, may have; default 16 GiB. */
  readonly limitBytes?: number;
  /** parallel is how many objects of one version are downloaded at a time; default 8. */
  readonly parallel?: number;
  readonly s3?: { readonly endpoint?: string; readonly region?: string; readonly pathStyle?: boolean; readonly anonymous?: boolean };
  readonly gs?: { readonly emulator?: string; readonly endpoint?: string; readonly anonymous?: boolean };
  /** allowHttp reads archives over http:// too. */
  readonly allowHttp?: boolean;
  /** tries is how often what fails in a way that may pass is tried, counting the first time; default 5. */
  readonly tries?: number;
  /** firstRetryMs is about how long the first wait between two tries is; default 200. */
  readonly firstRetryMs?: number;
  /** stallMs is the time within which the next bytes of a download have to come; default 30,000. */
  readonly stallMs?: number;
  /** keepMs is how long an unpacked archive is kept of which no version is loaded; default 5 min. */
  readonly keepMs?: number;
}

export interface RemoteOptions extends RemoteTuning {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** RemoteStorages are s3, gs, https and http. Disposing them removes all that was downloaded. */
export interface RemoteStorages extends AsyncDisposable {
  readonly storages: Storages;
}

export const defaultLimitBytes: number = 16 * 2 ** 30;
export const defaultParallel = 8;

/** openRemoteStorages makes base paths of other machines readable. What a scheme needs is loaded when it is first used. */
export async function openRemoteStorages(options: RemoteOptions): Promise<RemoteStorages> {
  const { clock, logger, random, cacheDir, limitBytes = defaultLimitBytes, parallel = defaultParallel, s3, gs, allowHttp = false } = options;
  if (!(limitBytes > 0)) throw newError(Code.InvalidArgument, `a version may have ${limitBytes} bytes: nothing could be downloaded`);
  if (!(parallel >= 1)) throw newError(Code.InvalidArgument, `${parallel} objects are to be downloaded at a time: nothing could be downloaded`);
  const cache = await openCache({ dir: cacheDir, logger });
  const patience = { clock, random, tries: options.tries ?? 5, firstMs: options.firstRetryMs ?? 200 };
  const life = withCancel(background());
  const shared = { life, cache, patience, logger, limitBytes, parallel, ...given(options, "stallMs"), ...given(options, "keepMs") };
  const archives = newArchiveStorage({ ...shared, allowHttp });
  return {
    storages: {
      s3: newObjectStorage({ ...shared, store: newS3({ clock, ...s3 }) }),
      gs: newObjectStorage({ ...shared, store: newGs({ clock, ...gs }) }),
      https: archives,
      http: archives,
    },
    async [Symbol.asyncDispose]() {
      life.cancel();
      await archives[Symbol.asyncDispose]();
      await cache[Symbol.asyncDispose]();
    },
  };
}

/** given picks an option if it is there. */
function given<K extends "stallMs" | "keepMs">(options: RemoteTuning, name: K): { readonly [k in K]?: number } {
  const value = options[name];
  return value === undefined ? {} : ({ [name]: value } as { readonly [k in K]: number });
}

import type { Flags } from "@tfs/std";
import { defaultLimitBytes, defaultParallel, type RemoteTuning } from "../storage/index.ts";
import { bool, int32, int64, own, type ServerFlag, string } from "./fate.ts";

const group = "Base paths elsewhere";

/** storageFlags are about base paths on s3://, gs:// and https://. */
export const storageFlags: readonly ServerFlag[] = [
  own(string(group, "model_cache_dir", "", "folder for what is downloaded, while it is used", "one of the user's own below the system's temporary folder")),
  own(int64(group, "model_download_limit_bytes", defaultLimitBytes, "bytes that one version, or one archive packed or unpacked, may have")),
  own(int32(group, "model_download_parallelism", defaultParallel, "objects of one version that are downloaded at a time")),
  own(string(group, "s3_endpoint", "", "URL of an S3 server other than Amazon's", "$AWS_ENDPOINT_URL_S3 or $AWS_ENDPOINT_URL")),
  own(string(group, "s3_region", "", "region of the buckets", "$AWS_REGION, or the profile's")),
  own(bool(group, "s3_path_style", false, "name buckets in the path, as most S3 servers other than Amazon's want it")),
  own(bool(group, "s3_anonymous", false, "read s3:// without credentials: buckets that everybody may read")),
  own(string(group, "gs_endpoint", "", "URL of another address of Google Cloud Storage, which is asked with credentials", "https://storage.googleapis.com")),
  own(bool(group, "gs_anonymous", false, "read gs:// without credentials: buckets that everybody may read")),
  own(bool(group, "allow_http_archives", false, "read archives over http:// too, where anybody on the way can change them")),
];

/** remoteTuning reads those flags; `env` gives STORAGE_EMULATOR_HOST, as Google's own libraries know it. */
export function remoteTuning(flags: Flags, env: { readonly [name: string]: string | undefined }): RemoteTuning {
  return {
    ...text("cacheDir", flags.string("model_cache_dir")),
    limitBytes: flags.int("model_download_limit_bytes"),
    parallel: flags.int("model_download_parallelism"),
    s3: {
      ...text("endpoint", flags.string("s3_endpoint")),
      ...text("region", flags.string("s3_region")),
      pathStyle: flags.bool("s3_path_style"),
      anonymous: flags.bool("s3_anonymous"),
    },
    gs: { ...text("emulator", env["STORAGE_EMULATOR_HOST"] ?? ""), ...text("endpoint", flags.string("gs_endpoint")), anonymous: flags.bool("gs_anonymous") },
    allowHttp: flags.bool("allow_http_archives"),
  };
}

/** text gives an option that is left out where its flag is empty. */
function text<K extends string>(name: K, value: string): { readonly [k in K]?: string } {
  return value === "" ? {} : ({ [name]: value } as { readonly [k in K]: string });
}

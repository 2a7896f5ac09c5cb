import { addAbortSignal, type Readable } from "node:stream";
import { type Clock, Code, type Ctx, type Failure, newError, withCancel } from "@tfs/std";
import { begin, codeOfStatus, networkFault } from "../http.ts";
import type { ObjectStore } from "./objects.ts";
import { importPeer, once } from "./peer.ts";

export interface S3Options {
  readonly clock: Clock;
  /** endpoint is a server other than Amazon's; default as the SDK's environment says (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL). */
  readonly endpoint?: string;
  /** region, default as the SDK's environment says (AWS_REGION, or the profile). */
  readonly region?: string;
  /** pathStyle names buckets in the path instead of in the host's name, as most servers other than Amazon's want it. */
  readonly pathStyle?: boolean;
  /** anonymous asks without credentials, for buckets that everybody may read. */
  readonly anonymous?: boolean;
}

/** The SDK wants credentials even where nothing is signed. */
const nobody = { accessKeyId: "", secretAccessKey: "" };
const peer = "@aws-sdk/client-s3";
const unbounded = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };

/** newS3 reads buckets by the AWS SDK, which is loaded when the first is read: credentials and profiles are found as everywhere else. */
export function newS3(options: S3Options): ObjectStore {
  const { clock, endpoint, region, pathStyle, anonymous } = options;
  const open = once(async () => {
    const sdk = await importPeer("s3", peer, () => import("@aws-sdk/client-s3"));
    const client = new sdk.S3Client({
      maxAttempts: 1, // whoever calls tries again, and knows how far a download has come
      followRegionRedirects: true,
      // How many go on at a time is for whoever calls to say: a request that waited for a connection would count as unanswered.
      requestHandler: { connectionTimeout: 10_000, httpAgent: unbounded, httpsAgent: unbounded },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      ...(pathStyle === true ? { forcePathStyle: true } : {}),
      ...(anonymous === true ? { credentials: nobody, signer: { sign: async <T>(request: T) => request } } : {}),
    });
    return { sdk, client };
  });
  return {
    async page(ctx, bucket, { prefix, folders, token }) {
      const { sdk, client } = await open();
      const command = new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(folders ? { Delimiter: "/" } : {}),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const answer = await ask(ctx, clock, `s3://${bucket}/${prefix}`, (abortSignal) => client.send(command, { abortSignal }));
      return {
        prefixes: (answer.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []),
        objects: (answer.Contents ?? []).map(({ Key = "", Size, ETag = "" }) => ({ key: Key, sizeBytes: Size, stamp: ETag })),
        next: answer.IsTruncated === true ? answer.NextContinuationToken : undefined,
      };
    },
    async read(ctx, bucket, object, offset, use) {
      const { sdk, client } = await open();
      const what = `s3://${bucket}/${object.key}`;
      const command = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: object.key,
        ...(object.stamp === "" ? {} : { IfMatch: object.stamp }),
        ...(offset > 0 ? { Range: `bytes=${offset}-` } : {}),
      });
      using child = withCancel(ctx);
      const { Body, ContentRange } = await begin(child, clock, what, () => coded(what, client.send(command, { abortSignal: child.signal })));
      const body = addAbortSignal(child.signal, Body as Readable); // in Node a body is a Readable
      body.on("error", () => {}); // the end of the child, after the body was read, is nobody's error
      await use(body, offset > 0 && ContentRange?.startsWith(`bytes ${offset}-`) === true ? offset : 0);
    },
  };
}

async function ask<T>(ctx: Ctx, clock: Clock, what: string, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  using child = withCancel(ctx);
  return await begin(child, clock, what, () => coded(what, send(child.signal)));
}

async function coded<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (err) {
    throw failureOfSdk(what, err);
  }
}

/** Names by which S3 and the SDK say that they do not know who asks. */
const strangers = new Set([
  "AuthorizationHeaderMalformed",
  "CredentialsProviderError",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidToken",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
]);

/** failureOfSdk gives an error of the SDK a code. Its message may tell of our files or accounts, so only its name is shown. */
function failureOfSdk(what: string, err: unknown): Failure {
  const { name, $metadata } = err as { readonly name?: string; readonly $metadata?: { readonly httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  const http = status === undefined ? "" : `HTTP ${status}`;
  const known = name === undefined || name === "Unknown" ? "" : name; // an answer without a body has no name
  const text = `${what}: ${known === "" || http === "" ? known + http : `${known} (${http})`}`;
  if (name === "RequestTimeTooSkewed") return newError(Code.Unavailable, text, err); // the SDK knows the server's time now
  if (name !== undefined && strangers.has(name)) return newError(Code.Unauthenticated, text, err);
  if (err instanceof Error && /^Region is missing/.test(err.message))
    return newError(Code.FailedPrecondition, `${what}: no region is known; set AWS_REGION or --s3_region`, err);
  if (status === undefined) return newError(Code.Unavailable, `${what}: ${networkFault(err)}`, err);
  return newError(codeOfStatus(status), text, err);
}

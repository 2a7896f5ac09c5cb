import { type CancelCtx, type Clock, Code, type Ctx, failureOf, newError, withCancel } from "@tfs/std";

/** Time within which an answer has to begin. */
const answerMs = 15_000;
const redirectsMax = 5;

/** codeOfStatus gives the code that an HTTP status means for whoever wanted to read something. */
export function codeOfStatus(status: number): Code {
  if (status === 401) return Code.Unauthenticated;
  if (status === 403) return Code.PermissionDenied;
  if (status === 404 || status === 410) return Code.NotFound;
  if (status === 412) return Code.Aborted;
  if (status === 408 || status === 425 || status === 429 || status >= 500) return Code.Unavailable;
  return status === 400 ? Code.InvalidArgument : Code.FailedPrecondition;
}

/** begin waits until an answer begins, and ends an exchange whose answer does not in time. What `start` throws without a code is Unavailable. */
export async function begin<T>(exchange: CancelCtx, clock: Clock, what: string, start: () => Promise<T>): Promise<T> {
  using _ = clock.after(answerMs, () => exchange.cancel(newError(Code.Unavailable, `${what}: no answer within ${answerMs} ms`)));
  try {
    return await start();
  } catch (err) {
    if (exchange.signal.aborted) throw exchange.signal.reason;
    throw failureOf(err) ?? newError(Code.Unavailable, `${what}: ${networkFault(err)}`, err);
  }
}

export interface Exchange {
  readonly clock: Clock;
  /** what is asked for, as errors name it. */
  readonly what: string;
  readonly url: URL;
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** follow looks at where a redirect leads, and throws if that is not to be followed. Default: none is. */
  readonly follow?: (to: URL) => void;
}

/** exchange sends a request and hands on the answer while it can be read: its body ends when `use` does. */
export async function exchange<T>(ctx: Ctx, request: Exchange, use: (response: Response, ctx: CancelCtx) => Promise<T>): Promise<T> {
  const { clock, what, method = "GET", headers = {}, follow } = request;
  using child = withCancel(ctx);
  let url = request.url;
  for (let hops = 0; ; hops++) {
    // Bytes are wanted as they are stored: fetch would ask for compression, and lengths and offsets would be of something else.
    const init: RequestInit = { method, headers: { "accept-encoding": "identity", ...headers }, redirect: "manual", signal: child.signal };
    const response = await begin(child, clock, what, () => fetch(url, init));
    const location = response.headers.get("location");
    if (follow === undefined || ![301, 302, 303, 307, 308].includes(response.status) || location === null) return await use(response, child);
    await response.body?.cancel();
    if (hops >= redirectsMax) throw newError(Code.FailedPrecondition, `${what}: redirected more than ${redirectsMax} times`);
    if (!URL.canParse(location, url.href)) throw newError(Code.FailedPrecondition, `${what}: redirected to what is no URL`);
    url = new URL(location, url);
    follow(url);
  }
}

/** refusal is what an answer without the wanted bytes means. `said` is what the server gives as the reason, if that is fit to be shown. */
export function refusal(what: string, status: number, said = ""): Error {
  return newError(codeOfStatus(status), `${what}: HTTP ${status}${said === "" ? "" : `, ${said.slice(0, 300)}`}`);
}

/** networkFault names what went wrong with a connection, by the code that the system or TLS gave it. */
export function networkFault(err: unknown): string {
  for (let link: unknown = err; link instanceof Error; link = link.cause) {
    const { code } = link as NodeJS.ErrnoException;
    if (typeof code === "string") return `cannot be reached (${code})`;
  }
  return "cannot be reached";
}

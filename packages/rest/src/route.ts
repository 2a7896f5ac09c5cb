import { Code, newError } from "@tfs/std";

/** Verb is what a model is asked to do. */
export type Verb = "predict" | "classify" | "regress";

/** Target says which model a path is about; at most one of version and label is there. */
export interface Target {
  readonly model: string;
  readonly version?: bigint;
  readonly label?: string;
}

/** Route is what a request asks for. */
export type Route = ({ readonly kind: Verb | "status" | "metadata" } & Target) | { readonly kind: "preflight" };

/** Methods that TensorFlow Serving's HTTP library lets through. */
const methods: ReadonlySet<string> = new Set(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"]);

/** isServed tells whether a method gets as far as the API; any other is 501, whatever the path. */
export function isServed(method: string): boolean {
  return methods.has(method);
}

const post = /^\/v1\/models\/([^/:]+)(?:(?:\/versions\/(\d+))|(?:\/labels\/([^/:]+)))?:(classify|regress|predict)$/i;
const get = /^\/v1\/models(?:\/([^/:]+))?(?:(?:\/versions\/(\d+))|(?:\/labels\/([^/:]+)))?(?:\/(metadata))?$/i;
const api = /^\/v1\/.*$/i;

const maxInt64 = 2n ** 63n - 1n;

/** isApi tells whether a path belongs to the API at all; anything else is a plain 404. */
export function isApi(target: string): boolean {
  return api.test(target);
}

/**
 * route reads method and target (path and query: a query counts as part of the path, as in TensorFlow Serving). Path words may be of any case, verbs
 * must be lower-case; a label or name is percent-decoded after it was matched. Throws InvalidArgument.
 */
export function route(method: string, target: string): Route {
  if (method === "OPTIONS") return { kind: "preflight" };
  const malformed = () => newError(Code.InvalidArgument, `Malformed request: ${method} ${target}`);
  const found = method === "POST" ? post.exec(target) : method === "GET" ? get.exec(target) : null;
  if (found === null) throw malformed();
  const [, name, version, label, word] = found;
  const of = targetOf(name, version, label);
  if (method === "POST") {
    if (word !== "predict" && word !== "classify" && word !== "regress") throw malformed();
    return { kind: word, ...of };
  }
  return { kind: word === "metadata" ? "metadata" : "status", ...of };
}

/** MoreRoute is what a request asks for that TensorFlow Serving does not have. */
export type MoreRoute = { readonly kind: "models" | "server api" } | ({ readonly kind: "model api" } & Target);

const modelApi = /^\/v1\/models\/([^/:]+)(?:(?:\/versions\/(\d+))|(?:\/labels\/([^/:]+)))?\/openapi\.json$/i;

/** moreRoute reads paths beyond TensorFlow Serving's; undefined for one of its own, or of nobody's. Throws InvalidArgument. */
export function moreRoute(method: string, target: string): MoreRoute | undefined {
  if (method !== "GET") return undefined;
  if (target === "/openapi.json") return { kind: "server api" };
  if (/^\/v1\/models$/i.test(target)) return { kind: "models" };
  const found = modelApi.exec(target);
  return found === null ? undefined : { kind: "model api", ...targetOf(found[1], found[2], found[3]) };
}

function targetOf(name: string | undefined, version: string | undefined, label: string | undefined): Target {
  if (name === undefined) throw newError(Code.InvalidArgument, "Missing model name in request.");
  const model = decode(name, "model name");
  if (version !== undefined) {
    const number = BigInt(version);
    if (number > maxInt64) throw newError(Code.InvalidArgument, `Failed to convert version: ${version} to numeric.`);
    return { model, version: number };
  }
  return label === undefined ? { model } : { model, label: decode(label, "model version label") };
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch (err) {
    throw newError(Code.InvalidArgument, `Failed to decode ${what}:${text}`, err);
  }
}

import type { Model } from "@tfs/proto/gen/tfs/serving/v1/serving_pb.js";
import { httpStatus, printError, printReadiness, type Unready } from "@tfs/rest";
import { Code, newError, toFailure } from "@tfs/std";
import { state } from "../manager/index.ts";
import { type Answer, json } from "./answer.ts";
import type { Fleet } from "./fleet.ts";

const alive: Answer = { status: 200, body: new TextEncoder().encode("ok\n"), type: "text/plain" };

/** health answers what asks for the process or for models and may do so without knowing the API; undefined for any other request. */
export function health(method: string, target: string, fleet: Fleet): Answer | undefined {
  if ((method !== "GET" && method !== "HEAD") || !/^\/(?:health|ready)z/.test(target)) return undefined;
  const [path = "", query = ""] = target.split("?", 2);
  if (path === "/healthz") return alive;
  if (path !== "/readyz") return undefined;
  try {
    const unready = unreadyOf(fleet.configured(), new URLSearchParams(query));
    const ready = unready.length === 0 && !fleet.draining();
    return { status: ready ? 200 : 503, body: printReadiness(unready, fleet.draining()), type: json };
  } catch (err) {
    const failure = toFailure(err);
    return { status: httpStatus(failure.code), body: printError(failure.message), type: json };
  }
}

const keys = ["model", "label", "version"] as const;

/**
 * unreadyOf gives the models that cannot be called, of all of them or of the one that is asked for. Throws InvalidArgument for a question that is none, and NotFound for a
 * model or label that the configuration does not have.
 */
function unreadyOf(models: readonly Model[], query: URLSearchParams): Unready[] {
  const { model: name, label, version } = questionOf(query);
  if (name === undefined) return models.flatMap((model) => unready(model.name, troubleOf(model)));
  const model = models.find((m) => m.name === name);
  if (model === undefined) throw newError(Code.NotFound, `there is no model ${name}`);
  if (version !== undefined) return unready(name, troubleOfVersion(model, BigInt(version)));
  if (label === undefined) return unready(name, troubleOf(model));
  const labelled = model.labels.find((l) => l.label === label);
  if (labelled === undefined) throw newError(Code.NotFound, `model ${name} has no label ${label}`);
  return unready(name, troubleOfVersion(model, labelled.version));
}

function questionOf(query: URLSearchParams): { readonly [key in (typeof keys)[number]]?: string } {
  const asked: { [key in (typeof keys)[number]]?: string } = {};
  for (const [name, value] of query) {
    const key = keys.find((k) => k === name);
    if (key === undefined) throw newError(Code.InvalidArgument, `readyz knows model, label and version, not ${name}`);
    if (asked[key] !== undefined) throw newError(Code.InvalidArgument, `readyz asks for one ${key} at a time: ${asked[key]} or ${value}`);
    if (value === "") throw newError(Code.InvalidArgument, `${key}= is empty`);
    asked[key] = value;
  }
  const { model, label, version } = asked;
  if (model === undefined && (label ?? version) !== undefined)
    throw newError(Code.InvalidArgument, "a label or version is one of a model: name it with model=");
  if (label !== undefined && version !== undefined) throw newError(Code.InvalidArgument, "label and version exclude each other");
  if (version !== undefined && !/^\d{1,19}$/.test(version)) throw newError(Code.InvalidArgument, `version ${version} is no number`);
  return asked;
}

function unready(name: string, error: string | undefined): Unready[] {
  return error === undefined ? [] : [{ name, error }];
}

/** troubleOf says why no version of a model can be called; undefined if one can. */
function troubleOf({ versions, error }: Model): string | undefined {
  if (versions.some((v) => v.state === state.available)) return undefined;
  const failed = versions.find((v) => v.error !== undefined);
  if (failed !== undefined) return `version ${failed.version}: ${failed.error!.message}`;
  return error?.message ?? "no version is available";
}

function troubleOfVersion({ versions }: Model, version: bigint): string | undefined {
  const found = versions.find((v) => v.version === version);
  if (found?.state === state.available) return undefined;
  return `version ${version}: ${found === undefined ? "there is none" : (found.error?.message ?? "it is not available")}`;
}

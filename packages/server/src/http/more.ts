import { type Described, type MoreRoute, printModelApi, printModels, printServerApi } from "@tfs/rest";
import { codeOf, Code } from "@tfs/std";
import type { InferOptions } from "../infer/index.ts";
import { specOf } from "./calls.ts";
import type { Fleet } from "./fleet.ts";

export interface MoreOptions {
  readonly infer: InferOptions;
  readonly fleet: Fleet;
}

/** The API that the document of the server describes; the models' documents have the models' versions. */
const apiVersion = "1";

/** describe writes what a request beyond TensorFlow Serving's API asks for. Throws what look-ups throw. */
export function describe(route: MoreRoute, { infer, fleet }: MoreOptions): Uint8Array {
  switch (route.kind) {
    case "models":
      return printModels(fleet.list());
    case "model api": {
      using handle = infer.manager.acquire(specOf(route, ""));
      return printModelApi(describedOf(handle.servable));
    }
    case "server api":
      return printServerApi(
        fleet.configured().flatMap(({ name }) => available(name, infer)),
        apiVersion,
      );
  }
}

/** available describes a model's newest version; nothing if there is none. */
function available(model: string, infer: InferOptions): Described[] {
  try {
    using handle = infer.manager.acquire(specOf({ model }, ""));
    return [describedOf(handle.servable)];
  } catch (err) {
    if (codeOf(err) !== Code.NotFound) throw err;
    return []; // it is not there now
  }
}

function describedOf({ name, version, signatures }: { readonly name: string } & Omit<Described, "model">): Described {
  return { model: name, version, signatures };
}

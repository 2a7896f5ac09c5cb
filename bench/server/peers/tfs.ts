// Ours, as it is shipped.
import { join } from "node:path";
import { basePath, serveModels } from "../serve.ts";
import { tfServing } from "./dialect.ts";
import { modelsDir, type Peer } from "./peer.ts";

export const tfs: Peer = tfsWith("tfs", "tfs", []);

/** tfsWith is ours with flags. */
export function tfsWith(name: string, title: string, flags: readonly string[]): Peer {
  return {
    name,
    title,
    needs: process.execPath,
    dialect: tfServing,
    start: (dir, models) =>
      serveModels(
        dir,
        models.map((model) => ({ name: model, path: basePath(dir, model, join(modelsDir, model)) })),
        flags,
      ),
    alone: undefined,
  };
}

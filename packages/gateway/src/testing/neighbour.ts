import assert from "node:assert/strict";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { frameMessage } from "@tfs/rpc";
import { grpcHeaders } from "./exchange.ts";
import type { Front } from "./front.ts";

/** Neighbour is a well-behaved client with a connection of its own. */
export interface Neighbour extends Disposable {
  /** calls makes calls one after the other; it throws when one does not come back right. */
  calls(count: number): Promise<void>;
}

/** newNeighbour connects; its calls go to a backend that echoes. */
export function newNeighbour(front: Front): Neighbour {
  const session = connect(`http://${front.address}`);
  session.on("error", () => {}); // its streams tell
  const message = frameMessage(Buffer.alloc(1_000, "0123456789"));
  return {
    async calls(count) {
      for (let made = 0; made < count; made++) {
        const stream = session.request(grpcHeaders("/neighbour.v1.Service/Echo"));
        stream.end(message);
        let status = "";
        for (const event of ["response", "trailers"]) {
          stream.on(event, (fields: IncomingHttpHeaders) => {
            status += ["grpc-status", "grpc-message"].flatMap((name) => fields[name] ?? []).join(" ");
          });
        }
        const back = await stream.toArray().catch((err: Error) => assert.fail(`the neighbour's call failed: ${err.message}`));
        const bytes = Buffer.concat(back as Buffer[]);
        assert.ok(bytes.equals(message), `the neighbour got ${bytes.length} bytes of ${message.length}, ${status}`);
      }
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { dialectOf, formatAddress, newChannel, newListener, serveCall } from "@tfs/rpc";
import { background, Code, discard, newError, systemClock, toFailure } from "@tfs/std";
import { serveMethod, type Unary } from "./index.ts";

const requestBytes = 100_000;

const rows = [
  { name: "whose method lends, goes with its answer", lends: true, fails: false, left: 0 },
  { name: "whose method lends, stays if it failed: whatever ran for it may run still", lends: true, fails: true, left: requestBytes },
  { name: "whose method does not lend, stays", lends: false, fails: false, left: requestBytes },
];
for (const { name, lends, fails, left } of rows)
  test(`method: a large request ${name}`, async () => {
    let asked: Uint8Array | undefined;
    const answer = async (_: unknown, request: Uint8Array): Promise<Uint8Array> => {
      asked = request;
      if (fails) throw newError(Code.Aborted, "no");
      return new Uint8Array(request.subarray(0, 3));
    };
    const method: Unary = { kind: "unary", name: "M", lends, proto: answer, json: answer };
    const listener = newListener({
      onExchange(exchange) {
        const call = serveCall(exchange, dialectOf(exchange.fields)!, { maxMessageBytes: 1 << 20 });
        if (call !== undefined) serveMethod(call, method, toFailure);
      },
      clock: systemClock(),
      logger: discard(),
    });
    const address = formatAddress(await listener.listen(background(), { host: "127.0.0.1", port: 0 }));
    const channel = newChannel({ address, clock: systemClock(), logger: discard() });
    try {
      const reply = channel.unary(background(), "/s/M", new Uint8Array(requestBytes).fill(7));
      if (fails) await assert.rejects(reply, { code: Code.Aborted });
      else assert.deepEqual([...(await reply).message], [7, 7, 7]);
      assert.equal(asked!.length, left);
    } finally {
      await channel.destroy();
      await listener.close();
    }
  });

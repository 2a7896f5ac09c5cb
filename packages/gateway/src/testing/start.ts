import { background, discard, systemClock } from "@tfs/std";
import { type Config, type Gateway, type GatewayOptions, newGateway } from "../index.ts";

/** Started is a gateway that listens on loopback. */
export interface Started extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly address: string;
  readonly url: string;
}

/** startGateway puts a gateway in front of backends; it does not wait for them. */
export async function startGateway(backends: readonly string[], config: Partial<Config> = {}, options: Partial<GatewayOptions> = {}): Promise<Started> {
  const gateway = newGateway({ host: "127.0.0.1", port: 0, ...config, backends }, { clock: systemClock(), logger: discard(), random: () => 0.5, ...options });
  const address = await gateway.listen(background());
  return { gateway, address, url: `http://${address}`, [Symbol.asyncDispose]: () => gateway.close() };
}

/** untilReady resolves when the gateway has a backend. */
export async function untilReady(started: Started): Promise<void> {
  while ((await fetch(`${started.url}/readyz`)).status !== 200) await turn();
}

/** turn lets the event loop go round once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import { type Program, run } from "@tfs/rpc/testing";
import { turn } from "./start.ts";

/** Front is a gateway that runs as a process of its own, from its command, on loopback. */
export interface Front extends AsyncDisposable {
  readonly program: Program;
  readonly address: string;
  readonly port: number;
}

const bin = "packages/gateway/bin/tfs-gateway.js";

/** startFront starts the gateway's command in front of one backend and resolves when it is ready for calls. */
export async function startFront(backend: string, ...flags: readonly string[]): Promise<Front> {
  const program = run(bin, ["--host=127.0.0.1", "--port=0", `--backends=${backend}`, ...flags]);
  try {
    const said = JSON.parse(await program.until((line) => line.startsWith('{"event":"listening"'))) as { readonly address: string };
    while ((await fetch(`http://${said.address}/readyz`)).status !== 200) await turn();
    return { program, address: said.address, port: Number(said.address.split(":").at(-1)), [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  } catch (err) {
    await program[Symbol.asyncDispose]();
    throw err;
  }
}

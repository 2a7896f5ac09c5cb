// Data plane. Node reads into a buffer of the caller's for connections that go out (`onread`). This gives the same to those that it makes itself for what comes in over TLS.
import { Socket } from "node:net";

/** OnRead is what `onread` takes: where the next bytes go (undefined after a read: where the last went), and who hears of them. */
export interface OnRead {
  readonly buffer: () => Buffer | undefined;
  readonly callback: (length: number, buffer: Buffer) => boolean;
}

/** Slots are the places in which a socket keeps what `onread` was given: symbols of Node's own, found by making a socket with one. */
type Slots = readonly [buffer: symbol, callback: symbol, next: symbol];

const slots: Slots | undefined = findSlots();

/**
 * readInto has a socket read into buffers of ours from now on. Where this Node keeps them in another way it does nothing, and bytes come by "data" events
 * as they do from any socket.
 */
export function readInto(socket: Socket, onread: OnRead): void {
  const handle = (socket as unknown as { readonly _handle: { useUserBuffer?(buffer: Buffer): void } | null })._handle; // Node's own name, not in its types
  if (slots === undefined || handle === null || typeof handle.useUserBuffer !== "function") return;
  const first = onread.buffer();
  if (first === undefined) return; // it reads into one of ours already
  const [buffer, callback, next] = slots;
  Object.assign(socket, { [buffer]: first, [callback]: onread.callback, [next]: onread.buffer });
  handle.useUserBuffer(first);
}

function findSlots(): Slots | undefined {
  const onread: OnRead = { buffer: () => Buffer.alloc(1), callback: () => true };
  const probe = new Socket({ onread } as ConstructorParameters<typeof Socket>[0]);
  const own = Object.getOwnPropertySymbols(probe);
  const holds = (name: string, value: unknown): symbol | undefined =>
    own.find((symbol) => symbol.description === name && (probe as unknown as Record<symbol, unknown>)[symbol] === value);
  const found = [holds("kBuffer", true), holds("kBufferCb", onread.callback), holds("kBufferGen", onread.buffer)];
  return found.includes(undefined) ? undefined : (found as unknown as Slots);
}

// Data plane. Buffers for what is about to be written, shared by all connections of the process. A thousand connections that say one thing each a turn need a
// thousand buffers at a time: so there are small ones.

export const smallBytes: number = 4096;
export const largeBytes: number = 64 * 1024;
/** What is kept for the next connection that has something to say: 8 MiB of small ones, 4 MiB of large ones. */
const smallMax = 2048;
const largeMax = 64;
const small: Buffer[] = [];
const large: Buffer[] = [];

/** takeBuffer gives a buffer of smallBytes or largeBytes that holds at least `bytes`, at most largeBytes. What is in it is not told. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes <= smallBytes) return small.pop() ?? Buffer.allocUnsafeSlow(smallBytes);
  return large.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
}

/** giveBuffer returns one that nobody reads any more. */
export function giveBuffer(buffer: Buffer): void {
  if (buffer.length === smallBytes) {
    if (small.length < smallMax) small.push(buffer);
  } else if (large.length < largeMax) large.push(buffer);
}

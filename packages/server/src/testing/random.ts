/** newRandom is a small seeded generator (xorshift32) of numbers in [0, 1): what a fuzz found can be found again. */
export function newRandom(seed: number): () => number {
  let s = seed;
  return () => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return (s >>> 0) / 2 ** 32;
  };
}

/** damage gives a copy of bytes with a few flipped, cut off, doubled or overwritten. */
export function damage(bytes: Uint8Array, random: () => number): Uint8Array {
  let out = Uint8Array.from(bytes);
  const at = (): number => Math.floor(random() * out.length);
  for (let n = Math.floor(random() * 3); n >= 0 && out.length > 0; n--) {
    const kind = random();
    if (kind < 0.4) out[at()]! ^= 1 << Math.floor(random() * 8);
    else if (kind < 0.6) out = out.slice(0, at());
    else if (kind < 0.8) out[at()] = Math.floor(random() * 256);
    else {
      const [from, to] = [at(), at()];
      out = Uint8Array.from([...out.subarray(0, to), ...out.subarray(from)]);
    }
  }
  return out;
}

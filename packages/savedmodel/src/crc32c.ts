// CRC-32C (Castagnoli, RFC 3720 appendix B.4), slicing by eight: eight table look-ups per eight bytes.

const polynomial = 0x82f63b78; // reflected

const tables: readonly Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const all = Array.from({ length: 8 }, () => new Uint32Array(256));
  const first = all[0]!;
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    first[i] = crc >>> 0;
  }
  for (let t = 1; t < 8; t++) {
    const [before, table] = [all[t - 1]!, all[t]!];
    for (let i = 0; i < 256; i++) table[i] = ((before[i]! >>> 8) ^ first[before[i]! & 0xff]!) >>> 0;
  }
  return all;
}

/** crc32c gives the checksum of `bytes`; pass the checksum so far as `seed` to go on from it. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let crc = ~seed;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

/** A checksum of data that itself holds checksums is stored masked: rotated right by 15 bits, plus this (leveldb util/crc32c.h). */
const maskDelta = 0xa282ead8;

export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
}

export function unmaskCrc(masked: number): number {
  const rotated = (masked - maskDelta) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

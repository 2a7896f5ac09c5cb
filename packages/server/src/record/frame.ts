// A record of TFRecord (tensorflow/core/lib/io/record_writer.h): uint64 length, masked CRC-32C of the length, the data, masked CRC-32C of the data; all little-endian.
import { crc32c, maskCrc } from "@tfs/savedmodel";

/** Bytes before and after a record's data. */
export const headerBytes = 12;
export const footerBytes = 4;

/** framed gives a record that lies in pieces as it stands in a file: the pieces themselves, and what goes around them. */
export function framed(pieces: readonly Uint8Array[]): Uint8Array[] {
  let length = 0;
  let crc = 0;
  for (const piece of pieces) {
    length += piece.byteLength;
    crc = crc32c(piece, crc);
  }
  const around = Buffer.alloc(headerBytes + footerBytes);
  around.writeBigUInt64LE(BigInt(length), 0);
  around.writeUInt32LE(maskCrc(crc32c(around.subarray(0, 8))), 8);
  around.writeUInt32LE(maskCrc(crc), headerBytes);
  return [around.subarray(0, headerBytes), ...pieces, around.subarray(headerBytes)];
}

// BMP as TensorFlow reads it (decode_image_op.cc): uncompressed, 8, 24 or 32 bits a pixel, upwards or downwards; 8 bits are greys, whatever the palette says.
import { Code, newError } from "@tfs/std";
import { checkSize, type Picture } from "./picture.ts";

export function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/** readBmp decodes a file. Throws InvalidArgument. */
export function readBmp(bytes: Uint8Array): Picture {
  if (bytes.length < 32)
    throw newError(
      Code.InvalidArgument,
      `Incomplete bmp content, requires at least 32 bytes to find the header size, width, height, and bpp, got ${bytes.length} bytes`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, width, tall, bits] = [view.getInt32(10, true), view.getInt32(18, true), view.getInt32(22, true), view.getUint16(28, true)];
  const channels = bits / 8;
  if (channels !== 1 && channels !== 3 && channels !== 4)
    throw newError(Code.InvalidArgument, `Number of channels inherent in the image must be 1, 3 or 4, was ${channels}`);
  const height = Math.abs(tall);
  checkSize("BMP", width, height);
  const row = Math.floor((8 * channels * width + 31) / 32) * 4;
  if (start < 0 || start + row * height > bytes.length)
    throw newError(Code.InvalidArgument, `Incomplete bmp content, requires at least ${start + row * height} bytes, got ${bytes.length} bytes`);
  const samples = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = start + (tall < 0 ? y : height - 1 - y) * row;
    for (let x = 0; x < width; x++)
      for (let k = 0; k < channels; k++) {
        const at = channels > 1 && k < 3 ? 2 - k : k; // blue comes first
        samples[(y * width + x) * channels + k] = bytes[from + x * channels + at]!;
      }
  }
  return { width, height, channels, samples };
}

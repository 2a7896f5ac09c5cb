/**
 * Package pictures decodes files of pictures to samples, as TensorFlow's libraries do: PNG, JPEG and BMP.
 *
 *     const { width, height, channels, samples } = readPng(bytes, false);
 *
 * @module
 */
export { isBmp, readBmp } from "./bmp.ts";
export { isJpeg, readJpeg } from "./jpeg.ts";
export type { Picture } from "./picture.ts";
export { withChannels } from "./picture.ts";
export { isPng, readPng } from "./png.ts";

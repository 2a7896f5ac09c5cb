import { carve, Code, newError } from "@tfs/std";

/** No body takes more: indented once for each dimension, a small request's answer may be a thousand times its size. */
const maxPageBytes = 2 ** 30;

/** Page is a body while it is written: bytes up to `at`. */
export interface Page {
  bytes: Uint8Array;
  at: number;
}

/** newPage makes an empty page with room for `size` bytes, or for as many as one may have. */
export function newPage(size: number): Page {
  return { bytes: carve(Uint8Array, Math.min(size, maxPageBytes)), at: 0 };
}

/** reserve makes room for `size` more bytes. Throws ResourceExhausted. */
export function reserve(page: Page, size: number): void {
  const want = page.at + size;
  if (want <= page.bytes.length) return;
  if (want > maxPageBytes) throw newError(Code.ResourceExhausted, `the answer may take ${want} bytes as JSON, more than ${maxPageBytes}`);
  const more = new Uint8Array(Math.min(Math.max(want, 2 * page.bytes.length), maxPageBytes));
  more.set(page.bytes.subarray(0, page.at));
  page.bytes = more;
}

/** Longer texts are encoded by the platform: a loop over their characters would be slower. */
const shortText = 64;

const encoder = new TextEncoder();

/** put writes text as UTF-8. */
export function put(page: Page, text: string): void {
  reserve(page, 3 * text.length); // a UTF-16 unit takes three bytes at most
  const { bytes, at } = page;
  if (text.length <= shortText) {
    let i = 0;
    for (; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c > 0x7f) break;
      bytes[at + i] = c;
    }
    if (i === text.length) {
      page.at = at + i;
      return;
    }
  }
  page.at = at + encoder.encodeInto(text, bytes.subarray(at)).written;
}

/** putBytes copies bytes. */
export function putBytes(page: Page, from: Uint8Array): void {
  reserve(page, from.length);
  page.bytes.set(from, page.at);
  page.at += from.length;
}

/** written gives what stands on the page, a view of it. */
export function written(page: Page): Uint8Array {
  return page.bytes.subarray(0, page.at);
}

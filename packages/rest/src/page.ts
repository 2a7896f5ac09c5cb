import { carve } from "@tfs/std";

/** Page is a body while it is written: bytes up to `at`. */
export interface Page {
  bytes: Uint8Array;
  at: number;
}

/** newPage makes an empty page with room for `size` bytes. */
export function newPage(size: number): Page {
  return { bytes: carve(Uint8Array, size), at: 0 };
}

/** reserve makes room for `size` more bytes. */
export function reserve(page: Page, size: number): void {
  const want = page.at + size;
  if (want <= page.bytes.length) return;
  const more = new Uint8Array(Math.max(want, 2 * page.bytes.length));
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

import { npyType } from "./npy.ts";

/** Media is how tensors go over HTTP: TensorFlow Serving knows JSON only. */
export type Media = "json" | "npy" | "npz";

/** npzType is the content type of several arrays by name, as numpy.savez writes them. */
export const npzType = "application/x-npz";
const medias: ReadonlyMap<string, Media> = new Map([
  ["application/json", "json"],
  [npyType, "npy"],
  [npzType, "npz"],
]);

/** What most requests say can be told by a look: they name no array. */
const array = /x-np[yz]/i;

/** sentMedia tells how a body comes. Whatever names no array is taken for JSON: TensorFlow Serving does not look at the type. */
export function sentMedia(contentType: string | undefined): Media {
  return contentType !== undefined && array.test(contentType) ? (medias.get(typeOf(contentType)) ?? "json") : "json";
}

/** wantedMedia tells how the answer shall go: what the client likes best of those that it names; JSON if it names none. */
export function wantedMedia(accept: string | undefined): Media {
  if (accept === undefined || !array.test(accept)) return "json";
  let best: Media = "json";
  let most = 0;
  for (const range of accept.split(",")) {
    const media = medias.get(typeOf(range));
    const quality = media === undefined ? 0 : qualityOf(range);
    if (media === undefined || quality <= most) continue;
    best = media;
    most = quality;
  }
  return best;
}

/** acceptsGzip tells whether a client takes an answer in gzip's coding (RFC 9110, section 12.5.3). */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  let others = 0;
  for (const coding of (acceptEncoding ?? "").split(",")) {
    const name = typeOf(coding);
    if (name === "gzip" || name === "x-gzip") return qualityOf(coding) > 0;
    if (name === "*") others = qualityOf(coding);
  }
  return others > 0;
}

function typeOf(text: string): string {
  return text.replace(/;.*$/s, "").trim().toLowerCase();
}

/** qualityOf reads the weight of an item of a list (RFC 9110, section 12.4.2): 1 without one, 0 for what is none. */
function qualityOf(item: string): number {
  const weight = /;\s*q\s*=\s*([^;\s]*)/i.exec(item)?.[1];
  if (weight === undefined) return 1;
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
}

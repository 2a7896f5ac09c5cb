import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptsGzip, type Media, sentMedia, wantedMedia } from "./index.ts";

const npy = "application/x-npy";
const npz = "application/x-npz";
const wanted: [accept: string | undefined, want: Media][] = [
  [undefined, "json"],
  ["", "json"],
  ["*/*", "json"],
  [npy, "npy"],
  [`${npz}`, "npz"],
  [`text/html, ${npy};q=0.1`, "npy"],
  [`${npy};q=0.5, application/json`, "json"],
  [`application/json;q=0.4, ${npy};q=0.5, ${npz};q=0.6`, "npz"],
  [`${npy};q=0`, "json"],
  [`${npy};q=2`, "json"],
  [`${npy} ; Q = 1.000`, "npy"],
  [`${npy}, ${npz}`, "npy"],
  ["application/x-npyx", "json"],
];
for (const [accept, want] of wanted) test(`who accepts ${accept ?? "nothing in particular"} gets ${want}`, () => assert.equal(wantedMedia(accept), want));

const sent: [type: string | undefined, want: Media][] = [
  [undefined, "json"],
  ["application/json", "json"],
  ["application/x-www-form-urlencoded", "json"],
  [npy, "npy"],
  [`${npz}; charset=binary`, "npz"],
  ["APPLICATION/X-NPY", "npy"],
  ["text/x-npy", "json"],
];
for (const [type, want] of sent) test(`a body of type ${type ?? "none"} is read as ${want}`, () => assert.equal(sentMedia(type), want));

const codings: [accept: string | undefined, want: boolean][] = [
  [undefined, false],
  ["", false],
  ["gzip", true],
  ["deflate, GZIP", true],
  ["x-gzip;q=0.5", true],
  ["gzip;q=0", false],
  ["gzip;q=0.000", false],
  ["*", true],
  ["*;q=0", false],
  ["identity;q=1, *;q=0.1", true],
  ["gzip;q=0, *", false],
  ["gzip;q=high", false],
  ["br", false],
];
for (const [accept, want] of codings)
  test(`accept-encoding ${accept ?? "not sent"} ${want ? "takes" : "does not take"} gzip`, () => assert.equal(acceptsGzip(accept), want));

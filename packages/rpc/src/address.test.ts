import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeOf } from "@tfs/std";
import { type Address, formatAddress, parseAddress } from "./address.ts";

const good: readonly { readonly name: string; readonly text: string; readonly want: Address; readonly back?: string }[] = [
  { name: "a host name and a port", text: "localhost:8500", want: { host: "localhost", port: 8500 } },
  { name: "an IPv4 address", text: "127.0.0.1:1", want: { host: "127.0.0.1", port: 1 } },
  { name: "an IPv6 address in brackets", text: "[::1]:65535", want: { host: "::1", port: 65535 } },
  { name: "an IPv6 address with a zone", text: "[fe80::1%eth0]:80", want: { host: "fe80::1%eth0", port: 80 } },
  { name: "a unix socket", text: "unix:/run/a.sock", want: { path: "/run/a.sock" } },
  { name: "a unix socket as a URI", text: "unix:///run/a.sock", want: { path: "/run/a.sock" }, back: "unix:/run/a.sock" },
  { name: "a relative unix socket", text: "unix:a.sock", want: { path: "a.sock" } },
];
for (const tc of good) {
  test(`address: ${tc.name}`, () => {
    assert.deepEqual(parseAddress(tc.text), tc.want);
    assert.equal(formatAddress(tc.want), tc.back ?? tc.text);
  });
}

for (const text of [
  "",
  "localhost",
  ":8500",
  "localhost:",
  "localhost:0",
  "localhost:65536",
  "::1:80",
  "[::1]",
  "[]:80",
  "http://a:80",
  "a b:80",
  "a:80 ",
  "unix:",
]) {
  test(`address: ${JSON.stringify(text)} is refused by name`, () => {
    assert.throws(
      () => parseAddress(text),
      (err) => codeOf(err) === Code.InvalidArgument && String(err).includes(JSON.stringify(text)),
    );
  });
}

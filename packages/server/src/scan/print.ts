import type { Cost, Scan } from "@tfs/engine/all";

/** scanText is a scan for people to read. */
export function scanText({ signatures, ops, missing, unknown, engines, variableBytes, constantBytes, costs }: Scan): string {
  const lines = [`signatures  ${signatures.join(", ") || "none"}`];
  for (const { engine, runs, why } of engines) lines.push(`${engine.padEnd(11)} ${runs ? "yes" : `no: ${why}`}`);
  lines.push(`variables   ${size(variableBytes)}, constants ${size(constantBytes)}`);
  for (const cost of costs) lines.push(`one row     ${cost.signature}: ${costText(cost)}`);
  const assumed = new Set(costs.flatMap((cost) => cost.assumed ?? []));
  if (assumed.size > 0) lines.push(`assumed     ${[...assumed].join("; ")}`);
  lines.push(`ops         ${ops.length}: ${ops.join(", ")}`);
  if (missing.length > 0) lines.push(`missing     ${missing.join(", ")}`);
  if (unknown.length > 0) lines.push(`unknown     ${unknown.join(", ")} (TensorFlow has none of that name)`);
  return `${lines.join("\n")}\n`;
}

function costText({ flops, valueBytes, why }: Cost): string {
  if (flops === undefined || valueBytes === undefined) return `not known, ${why}`;
  return `about ${number(flops)} operations, values of ${size(valueBytes)} at a time`;
}

function size(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

function number(n: number): string {
  if (n < 1e4) return String(Math.round(n));
  return n < 1e6 ? `${(n / 1e3).toFixed(1)} thousand` : n < 1e9 ? `${(n / 1e6).toFixed(1)} million` : `${(n / 1e9).toFixed(2)} thousand million`;
}

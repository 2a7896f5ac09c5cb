import type { Place } from "@tfs/engine";
import { bytes, type Installed, type Plan } from "./install/index.ts";
import type { Row } from "./probe.ts";

const places: Readonly<Record<Place, string>> = { explicit: "the folder that was named", cache: "the cache", npm: "npm", python: "Python" };

/** rowsText prints what is known of the engines, with every place that was looked at. */
export function rowsText(rows: readonly Row[]): string {
  const lines: string[] = [];
  for (const { engine, ok, version, why, found, passed } of rows) {
    lines.push([engine.padEnd(10), ok ? "can run" : "cannot run", ...(version === undefined ? [] : [version])].join("  "));
    if (found !== undefined) lines.push(`    ${found.dir} (${places[found.place]}; ${bytes(found.sizeBytes)})`);
    if (why !== undefined) lines.push(`    ${why}`);
    for (const { place, where, why: reason } of passed) lines.push(`    not from ${places[place]}: ${where}: ${reason}`);
  }
  return `${lines.join("\n")}\n`;
}

/** planText says what installing would do, sizes first. */
export function planText({ library, wheel, dir, diskBytes }: Plan): string {
  const size = (n: number | undefined, about = ""): string => (n === undefined ? "of unknown size" : `${about}${bytes(n)}`);
  return [
    `${library.title} ${wheel.version}`,
    `  to download  ${size(wheel.sizeBytes)}, from ${wheel.host}: ${wheel.file}`,
    `  to keep      ${size(diskBytes, "about ")}, in ${dir}`,
  ].join("\n");
}

export function installedText({ did, version, dir, files, licences }: Installed): string {
  const size = Object.values(files).reduce((sum, n) => sum + n, 0);
  const count = Object.keys(files).length - licences.length;
  return `${did === "installed" ? "installed" : "is there already"}: ${version} in ${dir} (${bytes(size)}: ${count} libraries, and ${licences.join(", ")})\n`;
}

import type { Readable } from "node:stream";
import type { Clock } from "@tfs/std";

/** A line is cut here; so many are told in a second, the rest are counted. */
const maxChars = 2048;
const maxLines = 50;

/** followLines tells what a process writes, line by line, as far as the bounds go. */
export function followLines(stream: Readable, clock: Clock, tell: (line: string) => void): void {
  let rest = "";
  let [since, told, dropped] = [clock.now(), 0, 0];
  const line = (text: string): void => {
    const now = clock.now();
    if (now - since >= 1000) {
      if (dropped > 0) tell(`… and ${dropped} lines more`);
      [since, told, dropped] = [now, 0, 0];
    }
    if (told === maxLines) dropped++;
    else {
      told++;
      tell(text.slice(0, maxChars));
    }
  };
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const parts = (rest + text).split(/\r?\n/);
    rest = parts.pop()!.slice(0, maxChars); // what is longer is cut, wherever its end comes
    for (const part of parts) if (part !== "") line(part);
  });
  stream.on("error", () => {}); // its end is told by the process
  stream.on("end", () => {
    if (rest !== "") line(rest);
    if (dropped > 0) tell(`… and ${dropped} lines more`);
  });
}

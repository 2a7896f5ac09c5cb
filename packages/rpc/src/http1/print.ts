// Data plane. Answers' fields as text; handlers answer with the same few lists again and again, so that is kept.
import type { Clock } from "@tfs/std";
import { isFieldText, isToken } from "../field_text.ts";
import type { Fields } from "../fields.ts";
import { connectionFields } from "./head.ts";
import { reasons } from "./reasons.ts";

/** Printed is a list of answer fields ready to be sent. */
export interface Printed {
  readonly fields: Fields;
  readonly status: number;
  /** Status line and fields, without the empty line, the length and what concerns the connection. */
  readonly text: string;
  /** usual is the part of them that comes again and again, if there are others, and more is the text of those. */
  readonly usual: Printed | undefined;
  readonly more: string;
  /** length that the handler gave, -1 if it gave none. */
  readonly length: number;
  /** fault says why the fields cannot be sent. */
  readonly fault: string | undefined;
  /** whole is what whole() made last, and of which lines. */
  whole: Buffer | undefined;
  wholeDate: string;
  wholeKept: string;
}

/** newPrinter makes what all connections of a server share. */
export function newPrinter(clock: Clock): Printer {
  return new Printer(clock);
}

/** Lists that are remembered, the oldest replaced first. */
const remembered = 8;

class Printer {
  readonly #clock: Clock;
  readonly #known: Printed[] = [];
  #oldest = 0;
  #date = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** print gives the text of the fields, from memory if they are the same object as before. */
  print(fields: Fields): Printed {
    const known = this.#known;
    for (let i = 0; i < known.length; i++) if (known[i]!.fields === fields) return known[i]!;
    if (fields.base !== undefined) {
      const usual = this.print(fields.base);
      const printed = printMore(usual, fields);
      if (printed !== undefined) return printed;
    }
    const printed = print(fields);
    known[this.#oldest] = printed;
    this.#oldest = (this.#oldest + 1) % remembered;
    return printed;
  }

  /** date is the line of that name (RFC 9110, section 6.6.1), good until the next tick. */
  get date(): string {
    if (this.#date === "") this.#date = `date: ${new Date(this.#clock.wallMs()).toUTCString()}\r\n`;
    return this.#date;
  }

  /** whole is the head of an answer that is all there, as bytes but for `more` and its length: what most answers begin with, made anew when the date changes. */
  whole(printed: Printed, kept: string): Buffer {
    if (printed.usual !== undefined) return this.whole(printed.usual, kept);
    const { date } = this;
    if (printed.whole === undefined || printed.wholeDate !== date || printed.wholeKept !== kept) {
      printed.whole = Buffer.from(`${printed.text}${date}${kept}`, "latin1");
      printed.wholeDate = date;
      printed.wholeKept = kept;
    }
    return printed.whole;
  }

  /** tick is called about once a second. */
  tick(): void {
    this.#date = "";
  }
}
export type { Printer };

function print(fields: Fields): Printed {
  const written = fields.get(":status") ?? "";
  const status = /^[2-9]\d\d$/.test(written) ? Number(written) : 0;
  let fault = status === 0 ? `:status ${JSON.stringify(written)} is no final status` : undefined;
  let text = `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\n`;
  let length = -1;
  for (const { name, value } of fields.list) {
    if (name === ":status" || name === "date" || connectionFields.has(name)) continue;
    if (name === "content-length") {
      if (length >= 0 || !/^\d{1,15}$/.test(value)) fault ??= "content-length is no length";
      length = Number(value);
      continue;
    }
    fault ??= fieldFault(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return { fields, status, text, usual: undefined, more: "", length, fault, whole: undefined, wholeDate: "", wholeKept: "" };
}

/** printMore prints what stands behind a list that is printed; undefined if that is more than lines of text. */
function printMore(usual: Printed, fields: Fields): Printed | undefined {
  let text = "";
  let { fault } = usual;
  for (const { name, value } of fields.more) {
    if (name === ":status" || name === "date" || name === "content-length" || connectionFields.has(name)) return undefined;
    fault ??= fieldFault(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return { ...usual, fields, text: usual.text + text, usual, more: text, fault };
}

/** printTrailers gives trailer lines; a field that cannot be sent is left out. */
export function printTrailers(fields: Fields): string {
  let text = "";
  for (const { name, value } of fields.list) {
    if (!connectionFields.has(name) && fieldFault(name, value) === undefined) text += `${name}: ${value}\r\n`;
  }
  return text;
}

/** fieldFault keeps an answer from being split in two: what a field may hold is RFC 9110, sections 5.1 and 5.5, with values as bytes. */
function fieldFault(name: string, value: string): string | undefined {
  if (!isToken(name)) return `${JSON.stringify(name)} is no field name`;
  return isFieldText(value) ? undefined : `${name} holds a character that no field may hold`;
}

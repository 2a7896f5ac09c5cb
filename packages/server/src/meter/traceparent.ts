import type { Fields } from "@tfs/rpc";

/** W3C Trace Context, section 3.2: version, trace, parent, flags. Later versions may have more behind it. */
const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]([0-9a-f])(?:$|-)/;

/** Trace is what a request says it is part of; `isKept` is its flag "sampled". */
export interface Trace {
  readonly id: string;
  readonly isKept: boolean;
}

/** traceparentOf reads it; undefined if there is none, or none that is well-formed. */
export function traceparentOf(fields: Fields): Trace | undefined {
  const value = fields.get("traceparent");
  const found = value === undefined ? null : form.exec(value);
  return found === null ? undefined : { id: found[1]!, isKept: (Number.parseInt(found[2]!, 16) & 1) === 1 };
}

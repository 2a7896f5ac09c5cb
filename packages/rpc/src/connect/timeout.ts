import { Code, newError } from "@tfs/std";

/** parseConnectTimeout reads connect-timeout-ms: at most ten digits. Throws InvalidArgument. */
export function parseConnectTimeout(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw newError(Code.InvalidArgument, `malformed connect-timeout-ms: ${JSON.stringify(text.slice(0, 32))}`);
  return Number(text);
}

import { Code, newError } from "@tfs/std";

/** Milliseconds in each unit of grpc-timeout (gRPC over HTTP/2, "Timeout"). */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

const maxDigits = 8;
const maxValue = 99_999_999;

/** parseTimeout reads a grpc-timeout header into milliseconds (a fraction for micro- and nanoseconds). A malformed one throws Internal, as grpc-go answers it. */
export function parseTimeout(header: string): number {
  const digits = header.length - 1;
  const ms = unitMs[header.charAt(digits)];
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const digit = header.charCodeAt(i) - 0x30;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
  }
  if (ms === undefined || digits < 1 || digits > maxDigits || Number.isNaN(value)) {
    throw newError(Code.Internal, `malformed grpc-timeout: ${JSON.stringify(header.slice(0, 32))}`);
  }
  return value * ms;
}

/** What writeTimeout writes in, the finest first. */
const written = ["u", "m", "S", "M", "H"].map((unit) => ({ code: unit.charCodeAt(0), ms: unitMs[unit]! }));

/**
 * writeTimeout writes milliseconds into `target` at `offset`, at most nine bytes, and gives the offset behind them: in the finest unit that fits eight digits, down to
 * microseconds, rounding up. Time that has run out becomes "1n"; there is no zero timeout.
 */
export function writeTimeout(target: Uint8Array, offset: number, ms: number): number {
  if (!(ms > 0)) return write(target, offset, 1, 0x6e);
  for (let i = 0; i < written.length; i++) {
    const unit = written[i]!;
    const value = Math.ceil(ms / unit.ms);
    if (value <= maxValue) return write(target, offset, value, unit.code);
  }
  return write(target, offset, maxValue, 0x48);
}

function write(target: Uint8Array, offset: number, value: number, unit: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  let rest = value;
  for (let at = offset + digits - 1; at >= offset; at--) {
    const tenth = Math.floor(rest / 10);
    target[at] = 0x30 + rest - tenth * 10;
    rest = tenth;
  }
  target[offset + digits] = unit;
  return offset + digits + 1;
}

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

/** formatTimeout writes milliseconds in the finest unit that fits eight digits, down to microseconds, rounding up. Time that has run out becomes "1n"; there is no zero timeout. */
export function formatTimeout(ms: number): string {
  if (!(ms > 0)) return "1n";
  for (const unit of ["u", "m", "S", "M", "H"]) {
    const value = Math.ceil(ms / unitMs[unit]!);
    if (value <= maxValue) return `${value}${unit}`;
  }
  return `${maxValue}H`;
}

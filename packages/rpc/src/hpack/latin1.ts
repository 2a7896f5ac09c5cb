// Data plane. Bytes as text, one char a byte.
const shortBytes = 12;

/** latin1 gives the text of source[start, end). Short ones are put together here, in a quarter of the time that a call into native code takes. */
export function latin1(source: Buffer, start: number, end: number): string {
  if (end - start > shortBytes) return source.toString("latin1", start, end);
  const of = String.fromCharCode;
  const s = source;
  const i = start;
  switch (end - start) {
    case 0:
      return "";
    case 1:
      return of(s[i]!);
    case 2:
      return of(s[i]!, s[i + 1]!);
    case 3:
      return of(s[i]!, s[i + 1]!, s[i + 2]!);
    case 4:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!);
    case 5:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!);
    case 6:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!);
    case 7:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!);
    case 8:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!, s[i + 7]!);
    case 9:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!, s[i + 7]!, s[i + 8]!);
    case 10:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!, s[i + 7]!, s[i + 8]!, s[i + 9]!);
    case 11:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!, s[i + 7]!, s[i + 8]!, s[i + 9]!, s[i + 10]!);
    default:
      return of(s[i]!, s[i + 1]!, s[i + 2]!, s[i + 3]!, s[i + 4]!, s[i + 5]!, s[i + 6]!, s[i + 7]!, s[i + 8]!, s[i + 9]!, s[i + 10]!, s[i + 11]!);
  }
}

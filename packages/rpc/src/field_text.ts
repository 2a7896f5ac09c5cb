// Data plane. What the names and values of fields may hold, in either HTTP (RFC 9110, sections 5.1, 5.5 and 5.6.2).

/** tokens has 1 for the codes that a token may hold, 2 for those that are capital letters, and 0 for all others up to 255. */
export const tokens: Uint8Array = tokenTable();

function tokenTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") table[char.charCodeAt(0)] = 1;
  for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZ") table[char.charCodeAt(0)] = 2;
  return table;
}

/** isTokenCode tells whether a token may hold the character. */
export function isTokenCode(code: number): boolean {
  return tokens[code]! > 0; // past the table is undefined, and no
}

/** isToken tells whether the text is a token, as names of fields and methods are. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isTokenCode(text.charCodeAt(i))) return false;
  return text.length > 0;
}

/** isFieldText tells whether a value may hold the text: bytes, and of control characters the tab alone. */
export function isFieldText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}

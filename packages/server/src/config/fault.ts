/** A word, a number, a string with its escapes (one that is not closed ends behind its line), or a sign; comments and white space stand between tokens. */
const tokens = /#[^\n]*|[\w.+-]+|"(?:\\[\s\S]|[^"\\\n])*["\n]?|'(?:\\[\s\S]|[^'\\\n])*['\n]?|\S/g;

/** tokensOf lists where the tokens of a text in text format begin and end. */
function tokensOf(text: string): { readonly from: number; readonly to: number }[] {
  return [...text.matchAll(tokens)].filter(([token]) => token[0] !== "#" && token !== "\ufeff").map((m) => ({ from: m.index, to: m.index + m[0].length }));
}

/**
 * faultAt gives line and column, both from 1, of the token that a parser of text format stopped at; the parser itself does not say. `messageOf` parses a text and
 * gives the parser's message, undefined if it has none. A parser that reads from left to right says the same of a text that is cut behind the token which it
 * stops at; cut before, it meets the character put there instead, which no token may begin with. The shortest cut that leaves the message as it is ends with that token.
 */
export function faultAt(text: string, messageOf: (text: string) => string | undefined): string {
  const all = tokensOf(text);
  const message = messageOf(text);
  let stop = 1; // a control character that the text does not have: its own would give the same message
  while (text.includes(String.fromCharCode(stop))) stop++;
  const cut = (count: number): string | undefined => messageOf(`${text.slice(0, all[count - 1]?.to ?? 0)} ${String.fromCharCode(stop)}`);
  let [least, most] = [0, all.length + 1]; // one past the last stands for the end
  while (least < most) {
    const middle = (least + most) >> 1;
    if (middle > all.length || cut(middle) === message) most = middle;
    else least = middle + 1;
  }
  return lineAndColumn(text, all[least - 1]?.from ?? text.length);
}

/** strayBytesAt gives line and column of the first token in which bytes that are not UTF-8 were replaced by U+FFFD; in a comment they mean nothing. */
export function strayBytesAt(text: string): string | undefined {
  const found = tokensOf(text).find(({ from, to }) => text.slice(from, to).includes("\ufffd"));
  return found && lineAndColumn(text, found.from);
}

function lineAndColumn(text: string, at: number): string {
  const before = text.slice(text.startsWith("\ufeff") ? 1 : 0, at);
  const line = before.split("\n");
  return `${line.length}:${[...line.at(-1)!].length + 1}`;
}

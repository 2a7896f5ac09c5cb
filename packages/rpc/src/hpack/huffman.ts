// RFC 7541, section 5.2 and appendix B. The code is canonical: the lengths tell all of it.
// biome-ignore format: a table
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

/** Symbols in the order of their codes. The last is EOS, which never comes: its code only ends in the padding. */
const symbols: readonly number[] = lengths.map((_, symbol) => symbol).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
const eos = 256;

/** What four more bits make of a state: the state after them, and the symbol that they complete, or none. Every code has at least five bits. */
const next: Int16Array = new Int16Array(256 * 16);
const emits: Int16Array = new Int16Array(256 * 16).fill(-1);
/** States in which a string may end: at most seven bits of padding, all ones (section 5.2). */
const accepts: Uint8Array = new Uint8Array(256);
const dead = -1;
build();

/** Short strings are put together letter by letter: cheaper than a call into native code. */
const shortBytes = 16;
const scratch: Buffer = Buffer.allocUnsafe(64 * 1024);

/** decodeHuffman gives the text, one char a byte, of source[start, end); undefined if that is no Huffman code. */
export function decodeHuffman(source: Uint8Array, start: number, end: number): string | undefined {
  let state = 0;
  let text = "";
  let length = 0;
  const short = end - start <= shortBytes;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    const high = (state << 4) | (byte >> 4);
    state = next[high]!;
    if (state === dead) return undefined;
    const first = emits[high]!;
    const low = (state << 4) | (byte & 15);
    state = next[low]!;
    if (state === dead) return undefined;
    const second = emits[low]!;
    if (short) {
      if (first >= 0) text += letters[first];
      if (second >= 0) text += letters[second];
    } else {
      if (length + 2 > scratch.length) {
        text += scratch.toString("latin1", 0, length);
        length = 0;
      }
      if (first >= 0) scratch[length++] = first;
      if (second >= 0) scratch[length++] = second;
    }
  }
  if (accepts[state] === 0) return undefined;
  return short ? text : text + scratch.toString("latin1", 0, length);
}

const letters: readonly string[] = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

/** build makes a tree of the codes, and of the tree what each four bits do in each of its inner nodes. */
function build(): void {
  const zero: number[] = [0];
  const one: number[] = [0];
  const leaf = (symbol: number): number => -symbol - 1; // children are nodes from 1 on, or leaves below 0; 0 is none yet
  let code = 0;
  let length = 0;
  for (const symbol of symbols) {
    code *= 2 ** (lengths[symbol]! - length);
    length = lengths[symbol]!;
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = Math.floor(code / 2 ** bit) % 2 === 0 ? zero : one;
      if (bit === 0) side[node] = leaf(symbol);
      else {
        if (side[node] === 0) {
          side[node] = zero.length;
          zero.push(0);
          one.push(0);
        }
        node = side[node]!;
      }
    }
    code++;
  }
  for (let state = 0; state < zero.length; state++) {
    for (let bits = 0; bits < 16; bits++) {
      let node = state;
      for (let bit = 3; bit >= 0 && node !== dead; bit--) {
        const child = ((bits >> bit) & 1) === 0 ? zero[node]! : one[node]!;
        if (child >= 0) node = child;
        else {
          const symbol = -child - 1;
          node = symbol === eos ? dead : 0;
          emits[(state << 4) | bits] = symbol;
        }
      }
      next[(state << 4) | bits] = node;
    }
  }
  let node = 0;
  for (let bits = 0; bits <= 7; bits++) {
    accepts[node] = 1;
    node = one[node]!;
  }
}

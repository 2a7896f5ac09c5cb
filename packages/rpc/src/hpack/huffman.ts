// Data plane. RFC 7541, section 5.2: strings in Huffman's code, read four bits at a time.
import { eos, huffmanCodes } from "./huffman_code.ts";
import { latin1 } from "./latin1.ts";

/** A state is an inner node of the code's tree; the root is 0. A code over 257 symbols has 256 of them. */
const states = 256;
const dead = -1;

/** What four bits do in a state, at state * 16 + bits: the next state times 16, and above it the symbol they complete, plus 1. No code has fewer than five bits. */
const steps: Int32Array = new Int32Array(states * 16);
const symbolShift = 12;
const stateMask = (1 << symbolShift) - 1;

/** States in which a string may end: at most seven bits of padding, all ones. */
const accepts: Uint8Array = new Uint8Array(states);
build();

/** A code has at least this many bits: so much can a string grow. */
const shortest = 5;
const scratch: Buffer = Buffer.allocUnsafeSlow(16 * 1024);

/** decodeHuffman gives the text, one char a byte, of source[start, end); undefined if that is no Huffman code. */
export function decodeHuffman(source: Uint8Array, start: number, end: number): string | undefined {
  const most = Math.floor(((end - start) * 8) / shortest);
  const target = most <= scratch.length ? scratch : Buffer.allocUnsafe(most);
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    const high = steps[state | (byte >> 4)]!;
    if (high === dead) return undefined;
    if (high > stateMask) target[length++] = (high >> symbolShift) - 1;
    const low = steps[(high & stateMask) | (byte & 15)]!;
    if (low === dead) return undefined;
    if (low > stateMask) target[length++] = (low >> symbolShift) - 1;
    state = low & stateMask;
  }
  return accepts[state >> 4] === 1 ? latin1(target, 0, length) : undefined;
}

/** build makes a tree of the codes, and of the tree what each four bits do in each of its inner nodes. */
function build(): void {
  const zero: number[] = [0]; // children are nodes from 1 on, or leaves below 0; 0 is none yet
  const one: number[] = [0];
  for (const { symbol, bits, length } of huffmanCodes()) {
    let node = 0;
    for (let at = length - 1; at >= 0; at--) {
      const side = ((bits >> at) & 1) === 0 ? zero : one;
      if (at === 0) side[node] = -symbol - 1;
      else {
        if (side[node] === 0) {
          side[node] = zero.length;
          zero.push(0);
          one.push(0);
        }
        node = side[node]!;
      }
    }
  }
  for (let state = 0; state < states; state++) {
    for (let bits = 0; bits < 16; bits++) {
      let node = state;
      let done = 0;
      for (let at = 3; at >= 0 && node !== dead; at--) {
        const child = ((bits >> at) & 1) === 0 ? zero[node]! : one[node]!;
        if (child >= 0) node = child;
        else {
          done = -child;
          node = done - 1 === eos ? dead : 0;
        }
      }
      steps[(state << 4) | bits] = node === dead ? dead : (done << symbolShift) | (node << 4);
    }
  }
  let node = 0;
  for (let padding = 0; padding <= 7; padding++) {
    accepts[node] = 1;
    node = one[node]!;
  }
}

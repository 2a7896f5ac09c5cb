import { huffmanCodes } from "../huffman_code.ts";
import { staticEntries } from "../static.ts";

/** Reference decodes for one connection. It throws an Error for what is no header block. */
export interface Reference {
  decode(block: Uint8Array): readonly (readonly [name: string, value: string, sensitive: boolean])[];
  /** table is name, value pairs, the newest first. */
  readonly table: readonly (readonly [name: string, value: string])[];
}

const symbols = new Map(huffmanCodes().map(({ symbol, bits, length }) => [bits.toString(2).padStart(length, "0"), symbol]));

/** newReference makes a decoder that follows RFC 7541 word by word, with numbers as text of bits and a table that is a list. */
export function newReference(limitBytes: number): Reference {
  const table: (readonly [string, string])[] = [];
  let maxBytes = limitBytes;
  const size = ([name, value]: readonly [string, string]): number => name.length + value.length + 32;
  const evict = (room: number): void => {
    while (table.length > 0 && table.reduce((sum, entry) => sum + size(entry), 0) > maxBytes - room) table.pop();
  };
  return {
    table,
    decode(block) {
      let at = 0;
      const integer = (bits: number): number => {
        const byte = (): number => {
          if (at >= block.length) throw new Error("cut short");
          return block[at++]!;
        };
        const max = 2 ** bits - 1;
        const first = byte() % 2 ** bits;
        if (first < max) return first;
        for (let i = 0, sum = max; i < 5; i++) {
          const more = byte();
          sum += (more % 128) * 128 ** i;
          if (more < 128) {
            if (sum >= 2 ** 31) break;
            return sum;
          }
        }
        throw new Error("too large");
      };
      const string = (): string => {
        const coded = (block[at] ?? 0) >= 128;
        const length = integer(7);
        if (at + length > block.length) throw new Error("cut short");
        const bytes = block.subarray(at, at + length);
        at += length;
        return coded ? unhuffman(bytes) : String.fromCharCode(...bytes);
      };
      const entry = (index: number): readonly [string, string] => {
        const fixed = staticEntries[index]?.field;
        if (index > 0 && fixed !== undefined) return [fixed.name, fixed.value];
        const found = table[index - staticEntries.length];
        if (index === 0 || found === undefined) throw new Error("no such index");
        return found;
      };
      const list: [string, string, boolean][] = [];
      while (at < block.length) {
        const bits = block[at]!.toString(2).padStart(8, "0");
        if (bits.startsWith("1")) list.push([...entry(integer(7)), false]);
        else if (bits.startsWith("001")) {
          if (list.length > 0) throw new Error("a size that is not at the start");
          maxBytes = integer(5);
          if (maxBytes > limitBytes) throw new Error("a size past the limit");
          evict(0);
        } else {
          const indexed = bits.startsWith("01");
          const index = integer(indexed ? 6 : 4);
          const name = index === 0 ? string() : entry(index)[0];
          const value = string();
          list.push([name, value, bits.startsWith("0001")]);
          if (!indexed) continue;
          evict(size([name, value]));
          if (size([name, value]) <= maxBytes) table.unshift([name, value]);
        }
      }
      return list;
    },
  };
}

function unhuffman(bytes: Uint8Array): string {
  let code = "";
  let text = "";
  for (const bit of Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")) {
    code += bit;
    const symbol = symbols.get(code);
    if (symbol === 256) throw new Error("EOS");
    if (symbol === undefined) continue;
    text += String.fromCharCode(symbol);
    code = "";
  }
  if (code.length > 7 || code.includes("0")) throw new Error("padding");
  return text;
}

// Data plane: arrays by name as numpy.savez writes them, a zip of npy files <-> tensors.
import type { DType, Tensor } from "@tfs/tensor";
import { Code, newError } from "@tfs/std";
import { unzipSync, zipSync } from "fflate";
import { parseNpy, printNpy } from "./npy.ts";

/** What all arrays of one file may take once they are unpacked, as for a gzipped body. */
const maxPlainBytes = 104_857_600;
/** A name in the zip ends so. */
const suffix = ".npy";
/** The first date that a zip knows: two answers that are equal are so byte for byte. */
const mtime = "1980-01-01T00:00:00";

/** parseNpz reads arrays by the names of a signature's inputs, whose dtypes settle what numpy has no names for. Throws InvalidArgument. */
export function parseNpz(bytes: Uint8Array, dtypes: ReadonlyMap<string, DType | undefined>): Map<string, Tensor> {
  let total = 0;
  const seen = new Set<string>();
  const inputs = new Map<string, Tensor>();
  const files = unzipped(bytes, (file, size) => {
    const alias = aliasOf(file);
    if (!dtypes.has(alias))
      throw newError(
        Code.InvalidArgument,
        `the npz file has ${file}, and the signature has no input ${alias}: its inputs are {${[...dtypes.keys()].sort().join(",")}}`,
      );
    if (seen.has(alias)) throw newError(Code.InvalidArgument, `the npz file has two arrays for the input ${alias}`);
    seen.add(alias);
    total += size;
    if (total > maxPlainBytes) throw newError(Code.InvalidArgument, `the arrays of the npz file take more than ${maxPlainBytes} bytes`);
  });
  for (const [file, data] of Object.entries(files)) inputs.set(aliasOf(file), parseNpy(data, aliasOf(file), dtypes.get(aliasOf(file))));
  return inputs;
}

/** printNpz writes outputs by name, stored without compression as numpy.savez does. Throws InvalidArgument for a dtype that it does not carry. */
export function printNpz(outputs: ReadonlyMap<string, Tensor>): Uint8Array {
  return zipSync(Object.fromEntries([...outputs].map(([alias, t]) => [`${alias}${suffix}`, printNpy(alias, t)])), { level: 0, mtime });
}

function aliasOf(file: string): string {
  return file.endsWith(suffix) ? file.slice(0, -suffix.length) : file;
}

/** unzipped unpacks every file that `admit` lets pass by name and size: the size that the zip says is all that is allocated for it. */
function unzipped(bytes: Uint8Array, admit: (name: string, size: number) => void): Record<string, Uint8Array> {
  let refusal: unknown;
  try {
    return unzipSync(bytes, {
      filter({ name, originalSize, size, compression }) {
        try {
          admit(name, compression === 0 ? size : originalSize);
        } catch (err) {
          refusal = err;
          throw err;
        }
        return true;
      },
    });
  } catch (err) {
    if (refusal !== undefined) throw refusal;
    throw newError(Code.InvalidArgument, "the body is no npz file: it cannot be unpacked", err);
  }
}

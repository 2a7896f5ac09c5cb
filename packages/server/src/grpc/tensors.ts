import { isFailure, newError } from "@tfs/std";
import type { Tensor } from "@tfs/tensor";

/** readerOf reads a request's tensor when it is asked for. The text of what does not decode starts as TensorFlow Serving's does, and goes on to say what is wrong. */
export function readerOf<T>(name: string, value: T, read: (value: T) => Tensor): () => Tensor {
  return () => {
    try {
      return read(value);
    } catch (err) {
      if (!isFailure(err)) throw err;
      throw newError(err.code, `tensor parsing error: ${name}: ${err.message}`, err);
    }
  };
}

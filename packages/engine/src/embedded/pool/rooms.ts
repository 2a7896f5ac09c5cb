// Data plane: a run's feeds on their way to a thread.
import type { Tensor } from "@tfs/tensor";
import { copyInto, type Packed, pack } from "../../thread/index.ts";

/** Runs that are with a thread at a time have a room each; those that are larger than this are let go. */
const maxKept = 2;
const maxKeptBytes = 64 * 2 ** 20;
/** Room is made in these steps, so that the next run, which may be a little larger, fits. */
const stepBytes = 2 ** 16;
/** No element is larger. */
const alignBytes = 8;

/** Rooms are pieces of shared memory in which a model's runs are fed. Memory that is there already costs a copy; new memory costs more than that. */
export interface Rooms {
  /** take puts tensors into a room, which is the caller's until he gives it back. Strings are packed beside it. */
  take(tensors: readonly Tensor[]): Room;
}

export interface Room {
  readonly packed: readonly Packed[];
  give(): void;
}

export function newRooms(): Rooms {
  const free: SharedArrayBuffer[] = [];

  function roomFor(bytes: number): SharedArrayBuffer {
    const found = free.pop();
    return found !== undefined && found.byteLength >= bytes ? found : new SharedArrayBuffer(Math.ceil(bytes / stepBytes) * stepBytes);
  }

  return {
    take(tensors) {
      const total = tensors.reduce((sum, { data }) => sum + (ArrayBuffer.isView(data) ? padded(data.byteLength) : 0), 0);
      const room = roomFor(total);
      let at = 0;
      const packed = tensors.map((tensor) => {
        const { dtype, shape, data } = tensor;
        if (!ArrayBuffer.isView(data)) return pack(tensor);
        const copy = copyInto(room, at, data);
        at += padded(data.byteLength);
        return { dtype, shape, data: copy };
      });
      return {
        packed,
        give: () => void (free.length < maxKept && room.byteLength <= maxKeptBytes && free.push(room)),
      };
    },
  };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignBytes) * alignBytes;
}

/** defaultQueueBytes is what all records may hold that are not written yet. */
export const defaultQueueBytes: number = 64 << 20;

/** What a record in a queue takes besides its bytes. */
const overheadBytes = 512;

/** Room is what records may hold together while they wait. */
export interface Room {
  /** take tells whether there is room for a record, and reserves it. */
  take(sizeBytes: number): boolean;
  give(sizeBytes: number): void;
}

export function newRoom(limitBytes: number): Room {
  let held = 0;
  return {
    take(sizeBytes) {
      const wanted = sizeBytes + overheadBytes;
      if (held + wanted > limitBytes) return false;
      held += wanted;
      return true;
    },
    give(sizeBytes) {
      held -= sizeBytes + overheadBytes;
    },
  };
}

import { open, rename, rm } from "node:fs/promises";
import { framed } from "./frame.ts";

/** writeRecords writes a file of records. Under its name it is there whole or not at all: it is written beside, and takes the place of one that was there. */
export async function writeRecords(path: string, records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const beside = `${path}.writing`;
  const file = await open(beside, "w");
  try {
    try {
      for await (const record of records) await file.appendFile(Buffer.concat(framed([record])));
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (err) {
    await rm(beside, { force: true });
    throw err;
  }
}

import type { Logger } from "@tfs/std";
import type { Collector, LogRecord } from "./collector.ts";
import type { Files } from "./files.ts";
import type { Format } from "./formats.ts";
import type { Room } from "./room.ts";

/** Loss is why a record is not in any file. */
export type Loss = "queue full" | "record too large" | "record unreadable" | "write failed" | "log closed";

export interface SinkOptions {
  readonly files: Files;
  readonly format: Format;
  readonly room: Room;
  /** lost is told of each record that is lost. */
  readonly lost: (record: LogRecord, why: Loss) => void;
  readonly logger: Logger;
}

/** newSink writes records to files, behind the back of those who bring them. */
export function newSink(options: SinkOptions): Collector {
  return new Sink(options);
}

class Sink implements Collector {
  readonly #options: SinkOptions;
  #queue: LogRecord[] = [];
  #running: Promise<void> | undefined;
  #closed = false;
  /** The last write failed, which has been said. */
  #failing = false;

  constructor(options: SinkOptions) {
    this.#options = options;
    options.files.onOld = () => this.#wake();
  }

  collect(record: LogRecord): boolean {
    const { format, room, lost } = this.#options;
    const why = this.#closed
      ? "log closed"
      : record.sizeBytes > format.maxRecordBytes
        ? "record too large"
        : room.take(record.sizeBytes)
          ? undefined
          : "queue full";
    if (why !== undefined) {
      lost(record, why);
      return false;
    }
    this.#queue.push(record);
    this.#wake();
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running !== undefined) await this.#running;
    await this.#options.files.close().catch((err: unknown) => this.#failed(err));
  }

  #wake(): void {
    this.#running ??= this.#run();
  }

  /** #run writes until nothing is left. It does not throw. */
  async #run(): Promise<void> {
    const { files, room, lost } = this.#options;
    await Promise.resolve(); // nothing is encoded in the call that wakes it
    while (this.#queue.length > 0 || files.isOld) {
      if (files.isOld) await files.close().catch((err: unknown) => this.#failed(err));
      const batch = this.#take();
      const left = await this.#write(batch);
      for (const record of left) lost(record, "write failed");
      for (const record of batch) room.give(record.sizeBytes);
    }
    this.#running = undefined; // at once: what is collected from here on wakes it again
  }

  /** #take gives the next records, as many as are made ready at a time. */
  #take(): LogRecord[] {
    let count = 0;
    for (let bytes = 0; count < this.#queue.length; count++) {
      bytes += this.#queue[count]!.sizeBytes;
      if (count > 0 && bytes > this.#options.format.batchBytes) break;
    }
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return batch;
  }

  /** #write writes records, each wholly in one file, and gives those that could not be written. */
  async #write(batch: readonly LogRecord[]): Promise<readonly LogRecord[]> {
    const { files } = this.#options;
    const encoded = batch.map((record) => this.#encode(record)).filter((e) => e !== undefined);
    for (let i = 0; i < encoded.length; ) {
      try {
        const room = await files.room(encoded[i]!.bytes.byteLength);
        let end = i;
        for (let bytes = 0; end < encoded.length; end++) {
          bytes += encoded[end]!.bytes.byteLength;
          if (bytes > room) break;
        }
        await files.append(Buffer.concat(encoded.slice(i, end).map(({ bytes }) => bytes)));
        i = end;
        this.#failing = false;
      } catch (err) {
        this.#failed(err);
        return encoded.slice(i).map(({ record }) => record);
      }
    }
    return [];
  }

  #encode(record: LogRecord): { readonly record: LogRecord; readonly bytes: Uint8Array } | undefined {
    try {
      return { record, bytes: this.#options.format.encode(record) };
    } catch {
      this.#options.lost(record, "record unreadable");
      return undefined;
    }
  }

  #failed(err: unknown): void {
    if (!this.#failing) this.#options.logger.error("request log: records are lost until writing succeeds", { error: err });
    this.#failing = true;
  }
}

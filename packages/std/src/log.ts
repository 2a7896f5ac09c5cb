import type { Clock } from "./clock.ts";

export type Level = "debug" | "info" | "warn" | "error";
/** Fields are what a log line says besides its event name; an Error is printed with its code, message and causes. */
export type Fields = Readonly<Record<string, unknown>>;

/** Logger takes an event (a short constant phrase) and fields, not sentences. Log at the edge, once. */
export interface Logger {
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  /** with gives a logger whose lines all carry `fields`. */
  with(fields: Fields): Logger;
}

export interface LoggerOptions {
  readonly write: (line: string) => void;
  readonly clock: Clock;
  /** level is the least one written; default "info". */
  readonly level?: Level;
  /** format: "text" (`2026-01-02T03:04:05.678Z INFO event key=value`, default) or "json" (one object a line). */
  readonly format?: "text" | "json";
}

const rank: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function newLogger(options: LoggerOptions, base: Fields = {}): Logger {
  const least = rank[options.level ?? "info"];
  const print = options.format === "json" ? jsonLine : textLine;
  const at =
    (level: Level) =>
    (event: string, fields: Fields = {}): void => {
      if (rank[level] >= least) options.write(print(options.clock.wallMs(), level, event, { ...base, ...fields }));
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (fields) => newLogger(options, { ...base, ...fields }),
  };
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };

/** discard is a logger that drops everything: for tests and for library users who gave none. */
export function discard(): Logger {
  return silent;
}

function jsonLine(wallMs: number, level: Level, event: string, fields: Fields): string {
  const line: Record<string, unknown> = { time: new Date(wallMs).toISOString(), level, event };
  for (const [key, value] of Object.entries(fields)) line[key] = plain(value);
  return JSON.stringify(line);
}

function textLine(wallMs: number, level: Level, event: string, fields: Fields): string {
  let line = `${new Date(wallMs).toISOString()} ${level.toUpperCase()} ${event}`;
  for (const [key, value] of Object.entries(fields)) {
    const p = plain(value);
    const text = typeof p === "string" ? p : JSON.stringify(p);
    line += ` ${key}=${typeof p === "string" && /[\s"=]/.test(text) ? JSON.stringify(text) : text}`;
  }
  return line;
}

/** plain turns what JSON cannot carry into something it can. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return value.cause === undefined ? String(value) : `${String(value)} (cause: ${String(plain(value.cause))})`;
  if (value === undefined) return null;
  return value;
}

import type { Clock } from "./clock.ts";
import { isFailure } from "./errors.ts";

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

/** newLogger makes a logger whose every line goes to `write`, without a newline at its end; `base` fields come on every line. */
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
  // A field that has the name of one of ours keeps its value under another.
  for (const [key, value] of Object.entries(fields)) line[Object.hasOwn(line, key) ? `${key}_` : key] = plain(value, 0);
  return JSON.stringify(line);
}

function textLine(wallMs: number, level: Level, event: string, fields: Fields): string {
  let line = `${new Date(wallMs).toISOString()} ${level.toUpperCase()} ${event}`;
  for (const [key, value] of Object.entries(fields)) {
    const p = plain(value, 0);
    line += ` ${key}=${typeof p === "string" && bare.test(p) ? p : escapeControls(JSON.stringify(p))}`;
  }
  return line;
}

/** A text that can stand without quotes: nothing in it could pass for another field, another line or a command to a terminal. */
const bare = /^[^\s"=\u0000-\u001f\u007f-\u009f]+$/;

/** JSON leaves DEL and the C1 controls as they are; a terminal would obey them. */
function escapeControls(json: string): string {
  return json.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

/** What a stranger sends may end up in a field: one longer than this is cut. */
const maxChars = 4096;
/** Objects are followed this deep and this far, cause chains this long: a socket logged by mistake must not print the whole process. */
const maxDepth = 3;
const maxEntries = 32;
const maxCauses = 8;

/** plain turns any value into one that JSON carries, of bounded size. */
function plain(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return value.length > maxChars ? `${value.slice(0, maxChars)}… (${value.length} chars)` : value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "object":
      return value === null ? null : depth >= maxDepth ? "…" : plainObject(value, depth);
    case "undefined":
      return null;
    default: // bigint, symbol, function
      return plain(String(value), depth);
  }
}

function plainObject(value: object, depth: number): unknown {
  if (value instanceof Error) return plain(chainText(value), depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.slice(0, maxEntries).map((v) => plain(v, depth + 1));
  const entries = Object.entries(value).slice(0, maxEntries);
  return Object.fromEntries(entries.map(([k, v]) => [k, plain(v, depth + 1)]));
}

/** errorText gives code, message and causes; an error that is no Failure is a bug or a system error, so it also says where it was made. */
function errorText(err: Error): string {
  const where = isFailure(err) ? undefined : /^\s*at (.+)$/m.exec(err.stack ?? "")?.[1];
  return where === undefined ? String(err) : `${String(err)} (at ${where})`;
}

function chainText(err: Error): string {
  let text = errorText(err);
  let cause = err.cause;
  for (let i = 0; i < maxCauses && cause !== undefined; i++) {
    text += `; cause: ${cause instanceof Error ? errorText(cause) : String(cause)}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return text;
}

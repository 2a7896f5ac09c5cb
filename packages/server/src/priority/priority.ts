import { Code, type Ctx, type Key, newError, newKey, withValue } from "@tfs/std";

/** Priority of a request: what is low runs where nothing high has to wait for it. */
export type Priority = "high" | "low";

/** priorityField is the HTTP header, or gRPC metadata, by which a request says its priority; high if it says nothing. */
export const priorityField = "tfs-priority";

const key: Key<Priority> = newKey("priority");

/** withPriority takes a request's priority from its header. Throws InvalidArgument for one that there is not. */
export function withPriority(ctx: Ctx, fields: { get(name: string): string | undefined }): Ctx {
  const value = fields.get(priorityField);
  if (value === undefined || value === "high") return ctx;
  if (value !== "low") throw newError(Code.InvalidArgument, `${priorityField}: expected high or low, not ${JSON.stringify(value.slice(0, 32))}`);
  return withValue(ctx, key, value);
}

/** saysLow tells the same of a request that nobody has looked at yet; what it says wrongly, withPriority refuses. */
export function saysLow(fields: { get(name: string): string | undefined }): boolean {
  return fields.get(priorityField) === "low";
}

/** isLow tells whether a request may wait for others. */
export function isLow(ctx: Ctx): boolean {
  return ctx.value(key) === "low";
}

/** isLow tells whether a caller says that others go first: `tfs-priority: low`, a field of HTTP or metadata of gRPC. */
export function isLow(fields: { get(name: string): string | undefined }): boolean {
  return fields.get("tfs-priority") === "low";
}

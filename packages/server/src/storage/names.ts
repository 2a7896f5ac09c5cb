/** Folders within folders below a version, and bytes of one name: what file systems take everywhere. */
const depthMax = 32;
const nameBytesMax = 255;

/**
 * partsOf splits the name of a file that somebody else chose into folders and file; undefined if it is none that lies below the folder it belongs to: absolute,
 * with `..`, with empty parts, or with what another system would take for a separator.
 */
export function partsOf(name: string): readonly string[] | undefined {
  if (/[\\\0]|^[a-z]:/i.test(name)) return undefined;
  const parts = name.split("/");
  if (parts.length > depthMax) return undefined;
  return parts.every((part) => part !== "" && part !== "." && part !== ".." && Buffer.byteLength(part) <= nameBytesMax) ? parts : undefined;
}

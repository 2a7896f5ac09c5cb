/** VersionPolicy says which of the versions found are wanted: the greatest ones, all, or some by number. */
export type VersionPolicy =
  | { readonly kind: "latest"; readonly count: number }
  | { readonly kind: "all" }
  | { readonly kind: "specific"; readonly versions: readonly bigint[] };

/** latestOnly is the policy where none is given. */
export const latestOnly: VersionPolicy = { kind: "latest", count: 1 };

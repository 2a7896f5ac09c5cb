const weights = new WeakSet<object>();

/** markWeight says that a tensor's data stays what it is for the model's life: constants, and variables as they were restored. */
export function markWeight(data: object): void {
  weights.add(data);
}

export function isWeight(data: object): boolean {
  return weights.has(data);
}

import type { Buckets, Cell, Family } from "@tfs/std/metrics";

/**
 * sumFamilies adds up what several registries of the same program have counted, such as those of its processes: cells of one metric with the same label values become one,
 * gauges too. Metrics of one name must be of one kind and have the same labels and buckets; anything else is a mistake in the program: a plain Error.
 */
export function sumFamilies(registries: readonly (readonly Family[])[]): readonly Family[] {
  const sums = new Map<string, { readonly family: Family; readonly cells: Map<string, Cell> }>();
  for (const families of registries) {
    for (const family of families) {
      let sum = sums.get(family.name);
      if (sum === undefined) sums.set(family.name, (sum = { family, cells: new Map() }));
      if (sum.family.kind !== family.kind || sum.family.labels.join() !== family.labels.join()) throw new Error(`there are two metrics ${family.name}`);
      for (const cell of family.cells) {
        const key = JSON.stringify(cell.values);
        const before = sum.cells.get(key);
        sum.cells.set(key, before === undefined ? cell : addCells(before, cell, family.name));
      }
    }
  }
  return [...sums.keys()].sort().map((name) => {
    const { family, cells } = sums.get(name)!;
    return { ...family, cells: [...cells.values()] };
  });
}

function addCells(a: Cell, b: Cell, name: string): Cell {
  const { values } = a;
  if (a.buckets === undefined || b.buckets === undefined) return { values, value: a.value + b.value };
  return { values, value: 0, buckets: addBuckets(a.buckets, b.buckets, name) };
}

function addBuckets(a: Buckets, b: Buckets, name: string): Buckets {
  if (a.bounds.join() !== b.bounds.join()) throw new Error(`metric ${name} has buckets of two kinds`);
  return { bounds: a.bounds, counts: a.counts.map((count, i) => count + b.counts[i]!), sum: a.sum + b.sum, count: a.count + b.count };
}

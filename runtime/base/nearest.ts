/** Near misses: what somebody probably meant. */

/** The name closest to `name`, if one is close enough to be a slip of the fingers. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(name.length * 0.4));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** How many letters are wrong, missing, too many, or swapped with the next one (optimal string alignment), row by row. */
function editDistance(a: string, b: string): number {
  let above: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (above[j - 2] as number) + 1 : Infinity;
      next.push(Math.min(substitution, swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    [above, row] = [row, next];
  }
  return row[b.length] as number;
}

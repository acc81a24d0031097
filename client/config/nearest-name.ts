/**
 * What somebody may have meant: the name nearest to a misspelt one. Optimal string alignment distance: insertions,
 * deletions, replacements and swaps of neighbours. Damerau, CACM 7(3), 1964; here no part is edited twice.
 */

/** Longer words are no slips of the pen, and would take their square of steps. */
const LONGEST = 64;

/**
 * The candidate that differs least, upper and lower case and `-` and `_` aside; undefined where all differ in more than
 * a third of the word. @param word attacker-controlled
 */
export function nearestName(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const plain = plainly(word);
  const most = Math.max(1, Math.floor(plain.length / 3));
  let best: string | undefined;
  let least = most + 1;
  for (const candidate of candidates) {
    const distance = editDistance(plain, plainly(candidate));
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

function plainly(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Edits that make one word of the other. */
export function editDistance(a: string, b: string): number {
  let [before, last, next]: [number[], number[], number[]] = [[], Array.from(countTo(b.length)), []];
  for (let i = 1; i <= a.length; i += 1) {
    next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let fewest = Math.min(replaced, (last[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) fewest = Math.min(fewest, (before[j - 2] ?? 0) + 1);
      next.push(fewest);
    }
    [before, last] = [last, next];
  }
  return last[b.length] ?? 0;
}

function* countTo(end: number): Iterable<number> {
  for (let i = 0; i <= end; i += 1) yield i;
}

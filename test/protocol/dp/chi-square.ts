/**
 * Whether counts are those of a law: Pearson's statistic against the limit that chance passes once in ten thousand times
 * (Wilson, Hilferty 1931). Seeds are fixed, so a test of this kind passes always or never.
 */

const Z = 3.72;
/** Cells of fewer expected draws are put together. */
const LEAST = 8;

/**
 * @param drawn  outcomes
 * @param massOf the probability of each; what is left belongs to all others
 * @returns statistic over its limit: below 1 where the law may be true
 */
export function chiSquareRatio(drawn: readonly number[], massOf: ReadonlyMap<number, number>): number {
  const counts = new Map<number, number>();
  for (const outcome of drawn) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  let [restExpected, restCount, cells, statistic] = [drawn.length, drawn.length, 0, 0];
  for (const [outcome, mass] of massOf) {
    const expected = mass * drawn.length;
    if (expected < LEAST) continue;
    const count = counts.get(outcome) ?? 0;
    statistic += (count - expected) ** 2 / expected;
    restExpected -= expected;
    restCount -= count;
    cells += 1;
  }
  if (restExpected >= LEAST) {
    statistic += (restCount - restExpected) ** 2 / restExpected;
    cells += 1;
  } else if (restCount > 5 * LEAST) return Infinity;
  const freedom = Math.max(1, cells - 1);
  const spread = 2 / (9 * freedom);
  return statistic / (freedom * (1 - spread + Z * Math.sqrt(spread)) ** 3);
}

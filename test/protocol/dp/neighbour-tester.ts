/**
 * Samples a mechanism on two neighbouring data sets and looks for a set of answers that is more likely on the one than
 * epsilon and delta allow: Wilson et al. 2020, "Differentially private SQL with bounded user contribution", section 5.
 * The sets are all beginnings and ends of the line of answers, and single answers.
 */

/** Standard errors beyond which a difference is no chance, with a few hundred sets looked at. */
const Z = 5;

/** @returns how many standard errors the worst set lies beyond what is allowed; above 0 it is a violation */
export function excessOf(
  some: readonly number[],
  others: readonly number[],
  epsilon: number,
  delta: number,
): number {
  const answers = [...new Set([...some, ...others])].sort((a, b) => a - b);
  const [ours, theirs] = [some, others].map((drawn) => {
    const counts = new Map<number, number>();
    for (const answer of drawn) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    return answers.map((answer) => (counts.get(answer) ?? 0) / drawn.length);
  }) as [number[], number[]];
  const size = Math.min(some.length, others.length);
  let worst = -Infinity;
  const look = (p: number, q: number) => {
    const growth = Math.exp(epsilon);
    const error = Math.sqrt((p * (1 - p) + growth * growth * q * (1 - q)) / size + 1 / size ** 2);
    worst = Math.max(worst, (p - growth * q - delta) / error - Z);
  };
  let [p, q] = [0, 0];
  for (const [at, ourMass] of ours.entries()) {
    const theirMass = theirs[at] as number;
    for (const [a, b] of [
      [ourMass, theirMass],
      [theirMass, ourMass],
    ] as const)
      look(a, b);
    p += ourMass;
    q += theirMass;
    for (const [a, b] of [
      [p, q],
      [q, p],
      [1 - p, 1 - q],
      [1 - q, 1 - p],
    ] as const)
      look(a, b);
  }
  return worst;
}

/**
 * How many neighbours a participant needs, and how many of them a threshold. SPEC.md 11.2; Bell, Bonawitz, Gascon, Lepoint,
 * Raykova, CCS 2020, with union bounds of our own.
 *
 * Of n participants at most c = gamma n work with the coordinator, and at most m = delta n drop out. Each has k neighbours
 * drawn at random, so among them a hypergeometric number of either. Wanted:
 *
 *   correct    with probability 1 - 2^-eta everybody has t neighbours left:        n P(dropped > k - t) <= 2^-eta
 *   secure     nobody has enough corrupt neighbours to open both of its secrets from two lies about who is left, which takes
 *              (k + corrupt) / 2 >= t:                                           n P(corrupt >= 2t - k) <= 2^-sigma
 *   connected  honest survivors stay one component, so that their masks hide all but the sum:
 *                                                                              n ((c + m) / n)^(k/2) <= 2^-sigma
 *
 * Up to 128 participants everybody is everybody's neighbour and no bound is needed. Pure.
 */

export interface NeighbourhoodPlan {
  /** n >= 3. */
  readonly participants: number;
  /** gamma: share that works with the coordinator, 0..1. */
  readonly corruptShare: number;
  /** delta: share that drops out, 0..1. */
  readonly dropoutShare: number;
  /** sigma; 40 unless said. */
  readonly securityBits?: number;
  /** eta; 30 unless said. */
  readonly correctnessBits?: number;
}

export interface Neighbourhood {
  /** k: neighbours of a participant. */
  readonly degree: number;
  /** t: of them, as many shares as open a secret. */
  readonly threshold: number;
}

/** Largest cohort in which everybody is everybody's neighbour. */
export const COMPLETE_MAX = 128;

/** The fewest neighbours that do, with the highest threshold for them; undefined where no number does. */
export function planNeighbourhood(plan: NeighbourhoodPlan): Neighbourhood | undefined {
  const { participants: n, securityBits = 40, correctnessBits = 30 } = plan;
  const corrupt = Math.floor(plan.corruptShare * n);
  const dropped = Math.floor(plan.dropoutShare * n);
  const secure = 2 ** -securityBits;
  const correct = 2 ** -correctnessBits;
  const tails = new HypergeometricTails(n - 1);
  const lostShare = (corrupt + dropped) / n;
  for (let degree = 2; degree < n; degree += 2) {
    if (n * lostShare ** (degree / 2) > secure) continue;
    const threshold = highest(degree, (t) => n * tails.atLeast(dropped, degree, degree - t + 1) <= correct);
    if (threshold === undefined || 2 * threshold <= degree) continue;
    if (n * tails.atLeast(corrupt, degree, 2 * threshold - degree) <= secure) return { degree, threshold };
  }
  return undefined;
}

/** The highest of 1..most for which it holds; it holds below if it holds above. */
function highest(most: number, holds: (value: number) => boolean): number | undefined {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low > 0 ? low : undefined;
}

/** Of draws without replacement from a population. */
class HypergeometricTails {
  readonly #population: number;
  /** ln(i!) */
  readonly #logFactorials: Float64Array;

  constructor(population: number) {
    this.#population = population;
    this.#logFactorials = new Float64Array(population + 1);
    for (let i = 1; i <= population; i += 1)
      this.#logFactorials[i] = (this.#logFactorials[i - 1] as number) + Math.log(i);
  }

  /** P(at least `least` of `draws` are marked), `marked` of the population being so. */
  atLeast(marked: number, draws: number, least: number): number {
    let sum = 0;
    for (let hits = Math.max(least, 0); hits <= Math.min(draws, marked); hits += 1) {
      const others = this.#population - marked;
      if (draws - hits > others) continue;
      sum += Math.exp(
        this.#choose(marked, hits) +
          this.#choose(others, draws - hits) -
          this.#choose(this.#population, draws),
      );
    }
    return sum;
  }

  #choose(from: number, count: number): number {
    const [a, b, c] = [from, count, from - count].map((i) => this.#logFactorials[i] as number);
    return (a as number) - (b as number) - (c as number);
  }
}

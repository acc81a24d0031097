/**
 * What integer noise is judged by: counts against their exact law, each check with a chance of one in ten million or so to
 * fail for a sound sampler. Seeds are fixed, so that it either fails always or never.
 */
import { binomialTail } from '../../../protocol/dp/binomial-tail.ts';

/** P(k) = P(-k) for k = 0..; what is beyond the end is below 1e-30. */
export type HalfLaw = Float64Array;

const CHANCE = 1e-7;
/** Normal deviations with about that chance. */
const DEVIATIONS = 5.4;

/** Probabilities from weights relative to that of zero. */
export function halfLaw(weights: readonly number[]): HalfLaw {
  const total = weights.reduceRight((sum, weight, k) => sum + (k === 0 ? weight : 2 * weight), 0);
  return Float64Array.from(weights, (weight) => weight / total);
}

export function discreteGaussianLaw(sigma: number): HalfLaw {
  const length = Math.ceil(13 * sigma) + 13;
  return halfLaw(Array.from({ length }, (_, k) => Math.exp(-(k * k) / (2 * sigma * sigma))));
}

export type Check = 'chi-square' | 'zero' | 'sign' | 'spread' | 'tail' | 'variance';

/** The checks that fail. @param draws at least 10,000 */
export function failedChecks(draws: Int32Array | Float64Array, law: HalfLaw): Check[] {
  const n = draws.length;
  const magnitudes = new Float64Array(law.length);
  let positive = 0;
  let squares = 0;
  let beyond = 0;
  for (const draw of draws) {
    if (draw > 0) positive += 1;
    squares += draw * draw;
    const magnitude = Math.abs(draw);
    if (magnitude < law.length) magnitudes[magnitude] = (magnitudes[magnitude] as number) + 1;
    else beyond += 1;
  }
  const zeros = magnitudes[0] as number;
  const moment = (power: number) => law.reduce((sum, p, k) => sum + 2 * p * k ** power, 0);
  const [second, fourth] = [moment(2), moment(4)];
  /** Chance and count of what is not below a magnitude. */
  const from = (magnitude: number) => ({
    p: 2 * law.subarray(magnitude).reduceRight((sum, p) => sum + p, 0),
    count: magnitudes.subarray(magnitude).reduce((sum, count) => sum + count, beyond),
  });
  const wide = from(Math.round(0.7 * Math.sqrt(second)) + 1);
  // A tail in which some forty draws are expected.
  let [far, mass] = [law.length, 0];
  while (n * mass < 40) {
    far -= 1;
    mass += 2 * (law[far] as number);
  }
  const tail = from(far);
  const failed: [Check, boolean][] = [
    ['chi-square', beyond > 0 || chiSquareDeviations(draws, law) > DEVIATIONS],
    ['zero', isUnlikely(n, law[0] as number, zeros)],
    ['sign', isUnlikely(n - zeros, 0.5, positive)],
    ['spread', isUnlikely(n, wide.p, wide.count)],
    ['tail', isUnlikely(n, tail.p, tail.count)],
    [
      'variance',
      Math.abs(squares / n - second) > DEVIATIONS * Math.sqrt((fourth - second * second) / n) + 1e-9,
    ],
  ];
  return failed.flatMap(([check, isFailed]) => (isFailed ? [check] : []));
}

/** Whether a binomial count is in one of the tails of chance 1e-7 each. */
function isUnlikely(n: number, p: number, count: number): boolean {
  return binomialTail(n, p, count) < CHANCE || binomialTail(n, 1 - p, n - count) < CHANCE;
}

/** Pearson's statistic over cells of consecutive integers, as deviations of a normal variable (Wilson, Hilferty 1931). */
function chiSquareDeviations(draws: Int32Array | Float64Array, law: HalfLaw): number {
  const n = draws.length;
  const far = law.length - 1;
  const counts = new Float64Array(2 * far + 1);
  for (const draw of draws)
    if (Math.abs(draw) <= far) counts[draw + far] = (counts[draw + far] as number) + 1;
  let statistic = 0;
  let cells = 0;
  let [count, mass, passed] = [0, 0, 0];
  for (let k = -far; k <= far; k += 1) {
    count += counts[k + far] as number;
    const p = law[Math.abs(k)] as number;
    mass += p;
    passed += p;
    // Small cells in the tails, where they tell most, of at least twenty draws; the last one takes what is left.
    const wanted = Math.max(20, Math.min(n / 100, 0.5 * n * Math.min(passed, 1 - passed)));
    if ((n * mass < wanted || n * (1 - passed) < 20) && k < far) continue;
    statistic += (count - n * mass) ** 2 / (n * mass);
    cells += 1;
    [count, mass] = [0, 0];
  }
  const freedom = cells - 1;
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(statistic / freedom) - 1 + spread) / Math.sqrt(spread);
}

/** Whether two samples have distributions further apart than chance lets them (Kolmogorov, Smirnov). */
export function areApart(a: Int32Array, b: Int32Array): boolean {
  const [left, right] = [a.slice().sort(), b.slice().sort()];
  let [i, j, distance] = [0, 0, 0];
  while (i < left.length && j < right.length) {
    const value = Math.min(left[i] as number, right[j] as number);
    while (i < left.length && left[i] === value) i += 1;
    while (j < right.length && right[j] === value) j += 1;
    distance = Math.max(distance, Math.abs(i / left.length - j / right.length));
  }
  return distance > Math.sqrt((-Math.log(CHANCE / 2) / 2) * (1 / a.length + 1 / b.length));
}

type MutantName =
  | 'half of the noise'
  | 'no tail'
  | 'zero counted with both signs'
  | 'zero from one side only';

/** Samplers as somebody might have got them wrong: what they make of sound draws. */
export const MUTANTS: Readonly<Record<MutantName, (draws: Int32Array, sigma: number) => Int32Array>> = {
  'half of the noise': (draws) => draws.map((draw) => Math.round(draw / 2)),
  'no tail': (draws, sigma) => draws.map((draw) => (Math.abs(draw) > 3 * sigma ? 0 : draw)),
  'zero counted with both signs': (draws) => {
    let more = draws.filter((draw) => draw === 0).length;
    return draws.map((draw) => {
      if (draw === 0 || more === 0) return draw;
      more -= 1;
      return 0;
    });
  },
  'zero from one side only': (draws) => draws.map((draw) => (draw < 0 ? draw + 1 : draw)),
};

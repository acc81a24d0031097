/**
 * Keys that nobody listed beforehand, with how many persons have each: counts under discrete Laplace noise, of which only
 * those are told that reach a threshold (Korolova et al. 2009; Wilson et al. 2020, section 4.3). A key that only one person
 * has is told with a probability that is counted exactly and is the delta. Adjacency: the rows of one person more or less.
 */
import type { DpEvent } from '../../../schemas/dp-event.ts';
import type { RandomSource } from '../../random.ts';
import { decayNumber, discreteLaplaceSampler } from '../discrete-laplace-sampler.ts';
import { boundedKeys } from './contribution-bound.ts';
import { type LaplacePlan, planLaplace } from './laplace-release.ts';
import { checkDelta, checkEpsilon, checkMost } from './limits.ts';
import type { KeyColumn } from './person-column.ts';

export interface KeysPlan {
  readonly event: DpEvent;
  readonly noise: LaplacePlan;
  /** Noised counts below it are not told. */
  readonly threshold: number;
  /** Of a person. */
  readonly maxKeys: number;
}

export interface KeyCount {
  readonly key: string;
  /** At least the threshold. */
  readonly count: number;
}

/**
 * The threshold t is the least for which 1 - (1 - P[1 + X >= t])^k <= delta, P[X >= j] = e^(-aj) / (1 + e^-a) for j >= 1: a
 * person alone with k keys is seen by at least one of them.
 * @param maxKeys k, of a person
 * @throws `statisticRefused`
 */
export function planKeys(epsilon: number, delta: number, maxKeys: number): KeysPlan {
  checkEpsilon(epsilon);
  checkDelta(delta);
  checkMost('keys', maxKeys);
  const noise = planLaplace(epsilon / maxKeys, 1);
  const a = decayNumber(noise.decay);
  const seenFrom = (threshold: number) =>
    -Math.expm1(maxKeys * Math.log1p(-Math.exp(-a * (threshold - 1)) / (1 + Math.exp(-a)))) * (1 + 1e-12);
  const each = -Math.expm1(Math.log1p(-delta) / maxKeys);
  let threshold = Math.max(2, 1 + Math.floor(-(Math.log(each) + Math.log1p(Math.exp(-a))) / a));
  while (!(seenFrom(threshold) <= delta)) threshold += 1;
  const events: DpEvent[] = [
    { type: 'repeat', count: maxKeys, event: noise.event },
    { type: 'epsilonDelta', epsilon: 0, delta: seenFrom(threshold) },
  ];
  return { event: { type: 'compose', events }, noise, threshold, maxKeys };
}

/** By noised count, the largest first, then by key, so that their order tells nothing more. */
export function answerKeys(
  { noise, threshold, maxKeys }: KeysPlan,
  { persons, keys }: KeyColumn,
  random: RandomSource,
): KeyCount[] {
  const counts = new Map<string, number>();
  for (const key of boundedKeys(persons, (row) => keys[row], maxKeys, random))
    counts.set(key, (counts.get(key) ?? 0) + 1);
  const draw = discreteLaplaceSampler(noise.decay, random);
  return [...counts]
    .map(([key, count]) => ({ key, count: count + Number(draw()) }))
    .filter(({ count }) => count >= threshold)
    .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
}

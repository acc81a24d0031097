/**
 * How many persons are in each of some buckets, a person in at most k of them, once in each. One person more or less changes
 * k counts by 1: an L1 distance of k, an L2 distance of sqrt k. With a delta the noise is discrete Gaussian (Canonne, Kamath,
 * Steinke 2020), whose event is k changes by 1; without one it is discrete Laplace. Adjacency: the rows of one person more or
 * less.
 */
import type { DpEvent } from '../../../schemas/dp-event.ts';
import type { RandomSource } from '../../random.ts';
import { discreteGaussianSampler } from '../discrete-gaussian-sampler.ts';
import { type Decay, discreteLaplaceSampler } from '../discrete-laplace-sampler.ts';
import { BUCKETS_MAX } from './buckets.ts';
import { boundedKeys } from './contribution-bound.ts';
import { planDiscreteGaussian } from './discrete-gaussian-plan.ts';
import { planLaplace } from './laplace-release.ts';
import { checkEpsilon, checkMost, refused } from './limits.ts';

export interface HistogramPlan {
  readonly event: DpEvent;
  readonly noise: { readonly decay: Decay } | { readonly sigma: number };
  readonly buckets: number;
  /** Of a person. */
  readonly maxBuckets: number;
  /** Of the noise of one count. */
  readonly deviation: number;
}

/**
 * @param delta      undefined: 0
 * @param buckets    1..65536
 * @param maxBuckets of a person; more than there are buckets counts as that many
 * @throws `statisticRefused`, `noiseTableTooLarge` where epsilon is too small for a table of the noise
 */
export function planHistogram(
  epsilon: number,
  delta: number | undefined,
  buckets: number,
  maxBuckets: number,
): HistogramPlan {
  checkEpsilon(epsilon);
  checkMost('buckets', maxBuckets);
  if (!(Number.isInteger(buckets) && buckets >= 1 && buckets <= BUCKETS_MAX))
    throw refused('buckets', `must be 1 to ${BUCKETS_MAX}`);
  const changed = Math.min(buckets, maxBuckets);
  const shared = { buckets, maxBuckets: changed };
  if (delta === undefined) {
    const { event, decay, deviation } = planLaplace(epsilon / changed, 1);
    return { ...shared, event: { type: 'repeat', count: changed, event }, noise: { decay }, deviation };
  }
  const { event, sigma } = planDiscreteGaussian(epsilon, delta, buckets, (deviation) => ({
    type: 'repeat',
    count: changed,
    event: { type: 'discreteGaussian', sigma: deviation, sensitivity: 1 },
  }));
  return { ...shared, event, noise: { sigma }, deviation: sigma };
}

/**
 * @param bucketOf of each row: in [0, buckets), or undefined
 * @returns [buckets], unbiased, so counts may be below 0
 */
export function answerHistogram(
  { noise, buckets, maxBuckets }: HistogramPlan,
  persons: readonly string[],
  bucketOf: (row: number) => number | undefined,
  random: RandomSource,
): number[] {
  const counts = new Int32Array(buckets);
  for (const bucket of boundedKeys(persons, bucketOf, maxBuckets, random))
    counts[bucket] = (counts[bucket] as number) + 1;
  if ('sigma' in noise) {
    discreteGaussianSampler(noise.sigma, random).addTo(counts);
    return [...counts];
  }
  const draw = discreteLaplaceSampler(noise.decay, random);
  return Array.from(counts, (count) => count + Number(draw()));
}

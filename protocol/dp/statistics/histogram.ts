/**
 * How many persons are in each of some buckets, a person in at most k of them, once in each. One person more or less changes
 * k counts by 1: an L1 distance of k, an L2 distance of sqrt k. With a delta the noise is discrete Gaussian (Canonne, Kamath,
 * Steinke 2020), whose event is k changes by 1; without one it is discrete Laplace. Adjacency: the rows of one person more or
 * less.
 */
import type { DpEvent } from '../../../schemas/dp-event.ts';
import { HanseError } from '../../problem.ts';
import type { RandomSource } from '../../random.ts';
import { leastEnough } from '../bisection.ts';
import { discreteGaussianSampler, SIGMA_MAX, SIGMA_MIN, tableSlack } from '../discrete-gaussian-sampler.ts';
import { type Decay, discreteLaplaceSampler } from '../discrete-laplace-sampler.ts';
import { rdpEpsilon } from '../rdp-accountant.ts';
import { BUCKETS_MAX } from './buckets.ts';
import { boundedKeys } from './contribution-bound.ts';
import { planLaplace } from './laplace-release.ts';
import { checkDelta, checkEpsilon, checkMost, refused } from './limits.ts';

export interface HistogramPlan {
  readonly event: DpEvent;
  readonly noise: { readonly decay: Decay } | { readonly sigma: number };
  readonly buckets: number;
  /** Of a person. */
  readonly maxBuckets: number;
  /** Of the noise of one count. */
  readonly deviation: number;
}

/** Of sigma; a table is made for each one that is used. */
const SIGMA_STEPS = 64;
/** Of delta, for what tables of noise are beside their law. */
const SLACK_SHARE = 1e-6;

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
  checkDelta(delta);
  const sigma = leastSigma(epsilon, delta, changed);
  const event = eventOf(sigma, { epsilon, delta, buckets, changed });
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

/** In 64ths, by moments, which a ledger adds up even for questions that depend on earlier answers. */
function leastSigma(epsilon: number, delta: number, changed: number): number {
  const isEnough = (sigma: number) =>
    rdpEpsilon(noiseEvent(sigma, changed), 'add-or-remove-one', delta * (1 - SLACK_SHARE)) <= epsilon;
  const sigma = Math.max(SIGMA_MIN, Math.ceil(leastEnough(isEnough, 1, 1e-4) * SIGMA_STEPS) / SIGMA_STEPS);
  if (sigma > SIGMA_MAX) throw new HanseError('noiseTableTooLarge', { sigma, most: SIGMA_MAX });
  return sigma;
}

function noiseEvent(sigma: number, changed: number): DpEvent {
  return { type: 'repeat', count: changed, event: { type: 'discreteGaussian', sigma, sensitivity: 1 } };
}

/** @returns the event with what the table of the noise is beside its law: (1 + e^epsilon) of it for each draw */
function eventOf(
  sigma: number,
  { epsilon, delta, buckets, changed }: Readonly<Record<'epsilon' | 'delta' | 'buckets' | 'changed', number>>,
): DpEvent {
  const slack = (1 + Math.exp(epsilon)) * buckets * tableSlack(sigma);
  if (!(slack <= delta * SLACK_SHARE)) throw refused('epsilon', 'too large for a delta so small');
  return {
    type: 'compose',
    events: [noiseEvent(sigma, changed), { type: 'epsilonDelta', epsilon: 0, delta: slack }],
  };
}

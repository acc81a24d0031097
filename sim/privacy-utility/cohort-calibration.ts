/**
 * What noise a training over Poisson cohorts needs, and whom its epsilon is against. SPEC.md 12.10.
 *
 * `epsilonModel` counts on cohorts that are secret, and holds against those who get the models alone. Whoever reads rosters,
 * the coordinator first, knows who took part: against them nothing is amplified, and `epsilonServer` is that of q = 1.
 * Adjacency is zero-out; sums are divided by the public q N, never by the size of a cohort.
 */
import { ACCOUNTANTS, type AccountantName } from '../../protocol/dp/accountants.ts';
import { leastEnough } from '../../protocol/dp/bisection.ts';
import { sensitivityOf } from '../../protocol/dp/job-privacy.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { DpEvent } from '../../schemas/dp-event.ts';
import type { Noise } from '../../schemas/privacy.ts';

/** Steps of the grid per clip norm are this times sqrt(d): `plan-noise.ts`. */
const FINENESS = 20;
/** Of a round, added to delta: what tables of noise differ from their law. `job-privacy.ts`. */
const TABLE = 1e-15;
/** By so much noise may be more than is needed: a loss distribution of a hundred sampled rounds takes half a second. */
const TOLERANCE = 1e-4;

export interface CohortTraining {
  /** q: the chance of each participant to be in the cohort of a round. */
  readonly rate: number;
  readonly rounds: number;
  /** d, the coordinate of the clip bit included where there is one. */
  readonly dimension: number;
  readonly delta: number;
}

/** Who adds noise: a coordinator that is trusted, or each participant its part. */
export type NoiseSource =
  | { readonly type: 'central' }
  /** `parties`: uMin - cMax of a cohort, those on whose noise its sum counts. */
  | { readonly type: 'distributed'; readonly law: Noise['type']; readonly parties: number };

export interface CohortNoise {
  /** Deviation of all noise that is counted on, over the sensitivity. */
  readonly multiplier: number;
  readonly epsilonModel: number;
  /** Against whoever reads rosters; where noise is central, the coordinator itself is not among them: it sees all. */
  readonly epsilonServer: number;
  readonly accountant: AccountantName;
  /** All rounds, against recipients of the models. */
  readonly event: DpEvent;
}

/** Steps of the grid per clip norm. */
export function levelsOfCohort(dimension: number): number {
  return FINENESS * Math.sqrt(dimension);
}

/** D of a clipped and rounded update. */
export function sensitivityOfCohort(dimension: number): number {
  const codec = { clipNorm: levelsOfCohort(dimension), grid: 1, weightMax: 1 };
  return sensitivityOf({ codec, parameters: dimension, batchSize: 1 });
}

/** @throws `budgetUnreachable` */
export function calibrateCohort(training: CohortTraining, source: NoiseSource, epsilon: number): CohortNoise {
  const { delta, rate } = training;
  const accountant = source.type === 'central' ? 'pld' : 'rdp';
  const eventAt = (q: number, multiplier: number) => eventOfTraining(training, source, q, multiplier);
  const epsilonAt = (q: number, multiplier: number) =>
    ACCOUNTANTS[accountant](eventAt(q, multiplier), 'replace-special', delta);
  if (!(epsilonAt(rate, 2 ** 20) <= epsilon))
    throw new HanseError('budgetUnreachable', { targetEpsilon: epsilon, delta });
  const multiplier = leastEnough((noise) => epsilonAt(rate, noise) <= epsilon, 1, TOLERANCE);
  return {
    multiplier,
    epsilonModel: epsilonAt(rate, multiplier),
    epsilonServer: epsilonAt(1, multiplier),
    accountant,
    event: eventAt(rate, multiplier),
  };
}

function eventOfTraining(
  { rounds, dimension }: CohortTraining,
  source: NoiseSource,
  rate: number,
  multiplier: number,
): DpEvent {
  return { type: 'repeat', count: rounds, event: eventOfRound(dimension, source, rate, multiplier) };
}

function eventOfRound(dimension: number, source: NoiseSource, q: number, multiplier: number): DpEvent {
  const sampled = (event: DpEvent): DpEvent => (q === 1 ? event : { type: 'poisson', q, event });
  if (source.type === 'central') return sampled({ type: 'gaussian', noiseMultiplier: multiplier });
  const { law, parties } = source;
  const norm = sensitivityOfCohort(dimension);
  const sigma = (multiplier * norm) / Math.sqrt(parties);
  const type = law === 'skellam' ? 'distributedSkellam' : 'distributedDiscreteGaussian';
  const sum: DpEvent = { type, norm, dimension, sigma, parties };
  return { type: 'compose', events: [sampled(sum), { type: 'epsilonDelta', epsilon: 0, delta: TABLE }] };
}

/**
 * The part of a manifest that its promise follows from, out of figures: for whoever plans before there is a model or a job.
 * Pure.
 */
import { Codec } from '../../schemas/codec.ts';
import type { JobManifest, PrivacyUnit } from '../../schemas/job.ts';
import { Lot, PrivacyPromise } from '../../schemas/privacy.ts';
import { parse } from '../parse.ts';
import { HanseError } from '../problem.ts';
import { checkSecureTerms, mostColluders, survivorsMinimum, thresholdOf } from '../secagg/descriptor.ts';
import { countedParties } from './counted-parties.ts';
import type { PromisingTerms } from './job-privacy.ts';
import { type NoisePlan, type PlannedLaw, placeNoise, planNoise } from './plan-noise.ts';
import { checkDelta } from './privacy-plan.ts';

export interface PromiseFigures {
  readonly unit: Exclude<PrivacyUnit, 'none'>;
  readonly noise: PlannedLaw;
  /** Of each participant; ignored where participants are the unit. */
  readonly units?: number;
  /** In the federation. */
  readonly participants: number;
  /** Updates in a round, and how many of them are enough; absent: as few as aggregation permits. */
  readonly cohort: number;
  readonly minimum?: number;
  /** cMax; absent: as many as the cohort stands. */
  readonly colluders?: number;
  /** Whether the coordinator sees each update, which then has to protect itself. */
  readonly isPlain: boolean;
  readonly rounds: number;
  /** q, for examples and persons. */
  readonly lotRate?: number;
  /** d. */
  readonly parameters: number;
  /** C; of the first round, where clipping is adaptive. */
  readonly clipNorm: number;
  /** Absent: the clip norm is the same in all rounds. For participants that add noise. */
  readonly adaptive?: NoisePlan['adaptive'];
  /** B. */
  readonly batchSize: number;
  readonly weightMax: number;
  readonly delta: number;
  /** What it may cost, or how much noise there is. */
  readonly wanted: { readonly epsilon: number } | { readonly noiseMultiplier: number };
}

/**
 * @throws `invalidFormat` for figures out of their range; `deltaTooLarge`; `manifestInvalid` for a cohort that no round is
 *   secure with; `noiseTooSmall`, `noiseTableTooLarge`, `ringOverflow`; `budgetUnreachable`, also where noise is so little
 *   that there is no epsilon
 */
export function promisedTerms(figures: PromiseFigures): PromisingTerms {
  const { unit, participants, rounds, lotRate, parameters, clipNorm, batchSize, delta, wanted } = figures;
  parse(Codec.properties.clipNorm, clipNorm, 'clipNorm');
  parse(PrivacyPromise.properties.delta, delta, 'delta');
  if ((lotRate === undefined) !== (unit === 'participant'))
    throw new HanseError('invalidFormat', { where: 'lotRate', expected: 'a rate for lots, and only there' });
  if (lotRate !== undefined) parse(Lot.properties.rate, lotRate, 'lotRate');
  const perParticipant = unit === 'participant' ? 1 : figures.units;
  checkDelta(delta, perParticipant === undefined ? null : perParticipant * participants);
  const summed = summedBy(figures);
  const plan: Omit<NoisePlan, 'epsilon'> = {
    ...{ noise: figures.noise, clipNorm, parameters, rounds, delta, batchSize },
    ...{ cohortMax: figures.cohort, parties: typeof figures.noise === 'string' ? countedParties(summed) : 1 },
    weightMax: unit === 'participant' ? 1 : figures.weightMax,
    ...(lotRate !== undefined && { rate: lotRate }),
    ...(figures.adaptive && { adaptive: figures.adaptive }),
  };
  const { codec, epsilon, central } =
    'epsilon' in wanted
      ? planNoise({
          ...plan,
          epsilon: parse(PrivacyPromise.properties.epsilonModel, wanted.epsilon, 'epsilon'),
        })
      : placeNoise(plan, wanted.noiseMultiplier);
  if (!Number.isFinite(epsilon)) throw new HanseError('budgetUnreachable', { targetEpsilon: epsilon, delta });
  return {
    ...summed,
    privacyUnit: unit,
    privacy: {
      ...{ delta, epsilonModel: epsilon },
      ...(central ? { centralNoise: central } : { epsilonServer: epsilon }),
    },
    ...{ codec, parameters, rounds, training: { batchSize } },
    weighting: unit === 'participant' ? 'uniform' : 'examples',
  };
}

type Summed = Pick<JobManifest, 'aggregation' | 'secureAggregation' | 'cohort'>;

function summedBy({ cohort: size, minimum, colluders, isPlain }: PromiseFigures): Summed {
  if (isPlain) return { aggregation: 'plain', cohort: { size, minimum: minimum ?? size } };
  const cohort = { size, minimum: minimum ?? Math.min(size, thresholdOf({ size })) };
  if (cohort.minimum > size)
    throw new HanseError('manifestInvalid', {
      where: 'cohort.minimum',
      reason: `${cohort.minimum} of ${size} updates`,
    });
  const secure: Summed = {
    aggregation: 'secure',
    cohort,
    secureAggregation: { suite: 1, colluders: colluders ?? mostColluders(cohort), answerSeconds: 1 },
  };
  checkSecureTerms(secure);
  // Where this is more than there are, no round is ever opened.
  if (survivorsMinimum(secure) > size)
    throw new HanseError('manifestInvalid', { where: 'cohort', reason: 'fewer updates than the threshold' });
  return secure;
}

/**
 * A statistic over several owners as a job: what follows from its question, and whether its manifest is that. SPEC.md 12.7.
 *
 * Its one round is a secure sum of integers. A coordinate of the sum has room for what all owners may add with their noise, so
 * that a `lot` of all rows whose sum is cut to its bound says how updates are encoded and opened; noise is counted in by
 * `localContribution`, for a share may be less than a codec can have.
 */
import type { Codec } from '../../../schemas/codec.ts';
import type { PrivacyUnit, StatisticManifest } from '../../../schemas/job.ts';
import { canonicalJson } from '../../canonical.ts';
import { HanseError } from '../../problem.ts';
import { countedParties } from '../counted-parties.ts';
import { planSecureStatistic, type SecureStatisticPlan } from './secure-statistic.ts';

/** Whom the answer of several owners protects. */
export type StatisticUnit = Extract<PrivacyUnit, 'example' | 'person'>;

/** What the plan of a statistic follows from, with delta. */
export type StatisticTerms = Pick<
  StatisticManifest,
  'statistic' | 'cohort' | 'aggregation' | 'secureAggregation'
>;

const STRATEGY: StatisticManifest['strategy'] = { type: 'fedavg', serverLearningRate: 1 };

/** Of rows of one person at one owner. @throws `statisticRefused`, `noiseTableTooLarge` */
export function planOfStatistic(terms: StatisticTerms, delta: number): SecureStatisticPlan {
  const owners = { most: terms.cohort.size, honest: countedParties(terms), perPerson: 1 };
  return planSecureStatistic(terms.statistic.question, delta, owners);
}

/**
 * That of a manifest which has passed `checkPrivacy`.
 * @throws RangeError for one that states no figures: a defect, never input
 */
export function planOfManifest(manifest: StatisticManifest): SecureStatisticPlan {
  if (!manifest.privacy) throw new RangeError('the manifest promises nothing');
  return planOfStatistic(manifest, manifest.privacy.delta);
}

/** What a manifest says as it must, given its plan. */
export function fixedTerms({
  dimension,
  norm,
  owners,
}: SecureStatisticPlan): Pick<
  StatisticManifest,
  'parameters' | 'codec' | 'strategy' | 'weighting' | 'rounds' | 'evaluateEvery' | 'aggregation'
> {
  const bound = Math.floor((2 ** 31 - 1) / owners.most);
  const codec: Codec = {
    ...{ version: 1, clipNorm: norm, width: 32, grid: 1, weightMax: 1, counters: 0 },
    lot: { rate: 1, bound },
  };
  return {
    ...{ parameters: dimension, codec, strategy: STRATEGY },
    ...{ weighting: 'uniform', rounds: 1, evaluateEvery: 0, aggregation: 'secure' },
  };
}

/**
 * Whether a manifest is what its question makes of it; figures are looked at by `checkPrivacy`.
 * @param manifest attacker-controlled, of its schema
 * @throws `manifestInvalid`; `statisticRefused`, `noiseTableTooLarge`
 */
export function checkStatistic(manifest: StatisticManifest): void {
  const { privacyUnit, privacy, statistic, aggregation } = manifest;
  if (aggregation !== 'secure') throw invalid('aggregation', 'of a statistic nobody sees more than the sum');
  if (privacyUnit !== 'person' && privacyUnit !== 'example')
    throw invalid('privacyUnit', 'a statistic protects each person, or each example');
  if (privacy?.epsilonServer === undefined || privacy.centralNoise)
    throw invalid('privacy', 'a statistic states its figures, and its owners add the noise');
  if ('delta' in statistic.question)
    throw invalid('statistic.question.delta', 'it is that of the promise: state it there alone');
  const fixed = fixedTerms(planOfStatistic(manifest, privacy.delta));
  for (const [field, value] of Object.entries(fixed))
    if (canonicalJson(manifest[field as keyof typeof fixed]) !== canonicalJson(value))
      throw invalid(field, `it follows from the question: ${canonicalJson(value).slice(0, 200)}`);
}

function invalid(where: string, reason: string): HanseError<'manifestInvalid'> {
  return new HanseError('manifestInvalid', { where, reason });
}

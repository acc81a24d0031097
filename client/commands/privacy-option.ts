/**
 * The options that say what a job promises: shared by jobs and simulations.
 */
import { MEDIAN } from '../../protocol/dp/adaptive-clip.ts';
import type { PlannedLaw } from '../../protocol/dp/plan-noise.ts';
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { AdaptiveClipping } from '../../schemas/codec.ts';
import type { CommandOption } from '../../schemas/command.ts';
import type { PrivacyUnit } from '../../schemas/job.ts';
import { CentralNoise, Lot, type Noise, PrivacyPromise } from '../../schemas/privacy.ts';
import type { PlannedPromise } from '../author-job.ts';

/** Which noise, and whose. */
export interface LawOptions {
  /** Absent: discrete Gaussian. */
  readonly noise?: Noise['type'] | 'gaussian';
  readonly treeRounds?: number;
}

/** As they were given; `promisedBy` makes a promise of them. */
export interface PrivacyOptions extends LawOptions {
  /** Absent: none. */
  readonly unit?: PrivacyUnit;
  readonly epsilon?: number;
  readonly delta?: number;
  readonly lotRate?: number;
  /** Share of updates that are not clipped. */
  readonly adaptiveClip?: number;
  readonly force?: boolean;
}

const promise = PrivacyPromise.properties;
const [, tree] = CentralNoise.anyOf;

/** Which noise, and whose. */
export const LAW_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--noise <law>',
    description: 'of the shares that participants add; gaussian: added by the coordinator, which is trusted',
    choices: ['discreteGaussian', 'skellam', 'gaussian'],
    default: 'discreteGaussian',
  },
  {
    flags: '--tree-rounds <n>',
    description: 'with --noise gaussian: of binary trees over n rounds, in which a participant is once',
    kind: 'integer',
    schema: tree.properties.rounds,
  },
];

export const ADAPTIVE_OPTION: CommandOption = {
  flags: '--adaptive-clip <share>',
  description:
    'with --unit participant: the clip norm follows this quantile of the lengths of updates, e.g. 0.5',
  kind: 'number',
  schema: AdaptiveClipping.properties.quantile,
};

export const PRIVACY_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--unit <whose>',
    description: 'what is protected by differential privacy: each example, person or participant, or none',
    choices: ['none', 'example', 'person', 'participant'],
    default: 'none',
  },
  {
    flags: '--epsilon <e>',
    description: 'what the whole job may cost each unit',
    kind: 'number',
    schema: promise.epsilonModel,
  },
  {
    flags: '--delta <d>',
    description: 'less than one over the number of units, e.g. 1e-5',
    kind: 'number',
    schema: promise.delta,
  },
  {
    flags: '--lot-rate <q>',
    description: 'chance of each example, or person, to be in the secret lot of a round',
    kind: 'number',
    schema: Lot.properties.rate,
  },
  ...LAW_OPTIONS,
  ADAPTIVE_OPTION,
  {
    flags: '--force',
    description: 'make the job although noise would drown its model: hanse privacy plan',
  },
];

/** Undefined where nothing is promised. Throws `usage` for figures that are missing, out of range, or for nothing. */
export function promisedBy(options: PrivacyOptions): PlannedPromise | undefined {
  const { unit = 'none', epsilon, delta, lotRate } = options;
  if (unit === 'none') {
    const given = {
      ...{ '--epsilon': epsilon, '--delta': delta, '--lot-rate': lotRate },
      ...{ '--tree-rounds': options.treeRounds, '--adaptive-clip': options.adaptiveClip },
      '--force': options.force,
    };
    for (const [flag, value] of Object.entries(given))
      if (value !== undefined) throw new HanseError('usage', { reason: `${flag} needs --unit` });
    return undefined;
  }
  if (epsilon === undefined || delta === undefined)
    throw new HanseError('usage', { reason: `--unit ${unit} needs --epsilon and --delta` });
  if ((lotRate === undefined) !== (unit === 'participant'))
    throw new HanseError('usage', {
      reason:
        unit === 'participant'
          ? '--lot-rate is about examples and persons, not participants'
          : `--unit ${unit} needs --lot-rate`,
    });
  return {
    ...{ unit, noise: lawOf(unit, options), ...(options.force && { force: true }) },
    ...adaptiveOf(unit, options),
    epsilon: asUsage(() => parse(promise.epsilonModel, epsilon, '--epsilon')),
    delta: asUsage(() => parse(promise.delta, delta, '--delta')),
    ...(lotRate !== undefined && { rate: asUsage(() => parse(Lot.properties.rate, lotRate, '--lot-rate')) }),
  };
}

/** Throws `usage`. */
export function lawOf(unit: PrivacyUnit, { noise = 'discreteGaussian', treeRounds }: LawOptions): PlannedLaw {
  if (noise !== 'gaussian') {
    if (treeRounds === undefined) return noise;
    throw new HanseError('usage', { reason: '--tree-rounds needs --noise gaussian' });
  }
  if (treeRounds === undefined) return { type: noise };
  if (unit === 'participant') return { type: noise, treeRounds };
  throw new HanseError('usage', { reason: '--tree-rounds needs --unit participant' });
}

/** By the rate of the paper. Throws `usage`. */
export function adaptiveOf(
  unit: PrivacyUnit,
  { adaptiveClip, noise }: Pick<PrivacyOptions, 'adaptiveClip' | 'noise'>,
): Pick<PlannedPromise, 'adaptive'> {
  if (adaptiveClip === undefined) return {};
  if (unit !== 'participant' || noise === 'gaussian')
    throw new HanseError('usage', { reason: '--adaptive-clip needs --unit participant, and its noise' });
  const quantile = asUsage(() =>
    parse(AdaptiveClipping.properties.quantile, adaptiveClip, '--adaptive-clip'),
  );
  return { adaptive: { ...MEDIAN, quantile } };
}

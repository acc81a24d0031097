/**
 * Noise for a sum over several owners, of which each draws a share: discrete Gaussian, so much that what is left suffices if
 * only the fewest honest survivors added theirs (Kairouz, Liu, Steinke 2021). Nobody sees less than the sum.
 */
import type { DpEvent } from '../../../schemas/dp-event.ts';
import { HanseError } from '../../problem.ts';
import { leastEnough } from '../bisection.ts';
import { SIGMA_MAX, SIGMA_MIN, tableSlack } from '../discrete-gaussian-sampler.ts';
import { rdpEpsilon } from '../rdp-accountant.ts';
import { checkDelta, checkEpsilon, refused } from './limits.ts';

/** Who takes part in a secure sum. */
export interface Owners {
  /** The most that may be summed. */
  readonly most: number;
  /** The fewest survivors less the most colluders: whose noise can be counted on. */
  readonly honest: number;
  /** At how many of them one person may have rows; 1: the promise is about a person's rows at one owner. */
  readonly perPerson: number;
}

/** What one person can change in the vector of one owner. */
export interface Change {
  /** L2, in steps. */
  readonly norm: number;
  readonly dimension: number;
}

export interface SharedNoise {
  readonly event: DpEvent;
  /** Of one owner's share, in steps. */
  readonly sigma: number;
}

const SIGMA_STEPS = 64;
/** Of delta, for what tables of noise are beside their law. */
const SLACK_SHARE = 1e-6;

/**
 * @throws `statisticRefused`; `noiseTableTooLarge` where the grid is too fine or epsilon too small for a table of the noise
 */
export function planSharedNoise(
  epsilon: number,
  delta: number,
  { norm, dimension }: Change,
  owners: Owners,
): SharedNoise {
  checkEpsilon(epsilon);
  checkDelta(delta);
  checkOwners(owners);
  const eventAt = (sigma: number): DpEvent => ({
    type: 'distributedDiscreteGaussian',
    norm: norm * owners.perPerson,
    dimension,
    sigma,
    parties: owners.honest,
  });
  const isEnough = (sigma: number) =>
    sigma >= SIGMA_MIN &&
    rdpEpsilon(eventAt(sigma), 'add-or-remove-one', delta * (1 - SLACK_SHARE)) <= epsilon;
  const sigma = Math.ceil(leastEnough(isEnough, 1, 1e-4) * SIGMA_STEPS) / SIGMA_STEPS;
  if (!(sigma <= SIGMA_MAX)) throw new HanseError('noiseTableTooLarge', { sigma, most: SIGMA_MAX });
  const slack = (1 + Math.exp(epsilon)) * dimension * owners.most * tableSlack(sigma);
  if (!(slack <= delta * SLACK_SHARE)) throw refused('epsilon', 'too large for a delta so small');
  const events: DpEvent[] = [eventAt(sigma), { type: 'epsilonDelta', epsilon: 0, delta: slack }];
  return { event: { type: 'compose', events }, sigma };
}

function checkOwners({ most, honest, perPerson }: Owners): void {
  const areWhole = [most, honest, perPerson].every(Number.isInteger);
  if (!(areWhole && honest >= 1 && honest <= most && most <= 10_000))
    throw refused('owners', 'at least 1 honest one must be left, of at most 10000');
  if (!(perPerson >= 1 && perPerson <= most))
    throw refused('owners of a person', 'must be between 1 and all of them');
}

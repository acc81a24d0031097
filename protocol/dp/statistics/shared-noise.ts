/**
 * Noise for a sum over several owners, of which each draws a share: discrete Gaussian, so much that what is left suffices if
 * only the fewest honest survivors added theirs (Kairouz, Liu, Steinke 2021). Nobody sees less than the sum.
 */
import { type DiscreteGaussianPlan, planDiscreteGaussian } from './discrete-gaussian-plan.ts';
import { refused } from './limits.ts';

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

/**
 * `sigma` is that of one owner's share.
 * @throws `statisticRefused`; `noiseTableTooLarge` where the grid is too fine or epsilon too small for a table of the noise
 */
export function planSharedNoise(
  epsilon: number,
  delta: number,
  { norm, dimension }: Change,
  owners: Owners,
): DiscreteGaussianPlan {
  checkOwners(owners);
  return planDiscreteGaussian(epsilon, delta, dimension * owners.most, (sigma) => ({
    type: 'distributedDiscreteGaussian',
    norm: norm * owners.perPerson,
    dimension,
    sigma,
    parties: owners.honest,
  }));
}

function checkOwners({ most, honest, perPerson }: Owners): void {
  const areWhole = [most, honest, perPerson].every(Number.isInteger);
  if (!(areWhole && honest >= 1 && honest <= most && most <= 10_000))
    throw refused('owners', 'at least 1 honest one must be left, of at most 10000');
  if (!(perPerson >= 1 && perPerson <= most))
    throw refused('owners of a person', 'must be between 1 and all of them');
}

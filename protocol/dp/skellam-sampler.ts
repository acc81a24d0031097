/**
 * Skellam noise: the difference of two independent Poisson variables, each of mean v/2 for a variance v. Shares of it add up
 * to Skellam noise (Agarwal, Kairouz, Liu, NeurIPS 2021; Bao et al., VLDB 2022). P(k) = exp(-v) I_|k|(v).
 *
 * Ratios of neighbours r_k = I_k(v) / I_(k-1)(v) follow from the far end by r_k = 1 / (2k/v + r_(k+1)) (DLMF 10.29.1), which
 * makes an error smaller by r_k^2 < 1. At the far end two of them begin, at 0 and at 1, and are rounded away from each
 * other: the truth lies between (with k > 0 it is below 1, and falls with k: Amos 1974), and what is between them when they
 * have met is known. From there on each step adds at most 2 units, together less than 2^18.
 */
import { SIGMA_MAX } from '../../schemas/privacy.ts';
import { HanseError } from '../problem.ts';
import type { RandomSource } from '../random.ts';
import { type CumulativeTable, cumulativeTable } from './cumulative-table.ts';
import { SIGMA_MIN } from './discrete-gaussian-sampler.ts';
import { FRACTION_BITS, ONE, type Rational, rationalOf } from './fixed-point.ts';
import { cachedTables } from './table-cache.ts';
import { type NoiseSampler, tableSampler } from './table-sampler.ts';

/** Units between two ratios that have met; rounding alone keeps them 2 / (1 - r_k^2) apart, at most 350. */
const MET = 1024n;

const tableOf = cachedTables((variance) => cumulativeTable(ratiosOf(variance)));

/**
 * Draws of Skellam noise, independent if the source is.
 * @param variance in [0.25, 2^24], in squares of grid units
 * @throws `noiseTooSmall`, also for what is no number; `noiseTableTooLarge`; both name the standard deviation
 */
export function skellamSampler(variance: number, random: RandomSource): NoiseSampler {
  return tableSampler(skellamTable(variance), random);
}

/** Bound on the total variation between one draw and the law. Throws as the sampler does. */
export function skellamSlack(variance: number): number {
  return skellamTable(variance).slack;
}

/** Throws as the sampler does. */
export function skellamTable(variance: number): CumulativeTable {
  const sigma = Math.sqrt(variance);
  if (!(variance >= SIGMA_MIN ** 2)) throw new HanseError('noiseTooSmall', { sigma, least: SIGMA_MIN });
  if (variance > SIGMA_MAX ** 2) throw new HanseError('noiseTableTooLarge', { sigma, most: SIGMA_MAX });
  return tableOf(variance);
}

/** r_1, r_2, ... as far as they are known, which is beyond 12 standard deviations and where 2^-104 is left. */
function ratiosOf(variance: number): bigint[] {
  const v = rationalOf(variance);
  const far = Math.ceil(17.5 * Math.sqrt(variance)) + 80;
  let low = 0n;
  let high = ONE;
  let k = far;
  for (; high - low > MET; k -= 1) {
    const twice = twiceOver(k, v);
    [low, high] = [inverse(twice + 1n + high), inverse(twice + low) + 1n];
    if (high > ONE) high = ONE;
  }
  const known = new Array<bigint>(k + 1);
  known[k] = low;
  for (; k > 0; k -= 1) known[k - 1] = inverse(twiceOver(k, v) + (known[k] as bigint));
  return known;
}

/** 2k/v, rounded down. */
function twiceOver(k: number, { numerator, denominator }: Rational): bigint {
  return ((2n * BigInt(k) * denominator) << FRACTION_BITS) / numerator;
}

/** 1/x, rounded down. */
function inverse(x: bigint): bigint {
  return (1n << (2n * FRACTION_BITS)) / x;
}

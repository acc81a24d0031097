/**
 * The discrete Gaussian N_Z(0, sigma^2), P(k) proportional to exp(-k^2 / (2 sigma^2)) on the integers (Canonne, Kamath,
 * Steinke, NeurIPS 2020), from a table of cumulative probabilities.
 *
 * Ratios of neighbours are g_k = exp(-(2k+1) / (2 sigma^2)) = g_(k-1) h, h = exp(-1/sigma^2). Truncation of a product takes
 * 1 unit, an error of h at most 2: g_k is off by less than 3 (k + 1), far below what `cumulative-table.ts` asks for.
 * `test/protocol/dp/exact-discrete-gaussian.ts` draws the same without a table.
 */
import { SIGMA_MAX } from '../../schemas/privacy.ts';
import { HanseError } from '../problem.ts';
import type { RandomSource } from '../random.ts';
import { cumulativeTable } from './cumulative-table.ts';
import { expMinus, FRACTION_BITS, rationalOf } from './fixed-point.ts';
import { cachedTables } from './table-cache.ts';
import { type NoiseSampler, tableSampler } from './table-sampler.ts';

/** Least standard deviation that the samplers draw, in grid units. */
export const SIGMA_MIN = 0.5;

const tableOf = cachedTables((sigma) => cumulativeTable(ratiosOf(sigma)));

/**
 * Draws of N_Z(0, sigma^2), independent if the source is.
 * @param sigma in [0.5, 4096], in grid units
 * @throws `noiseTooSmall`, also for what is no number; `noiseTableTooLarge`
 */
export function discreteGaussianSampler(sigma: number, random: RandomSource): NoiseSampler {
  return tableSampler(discreteGaussianTable(sigma), random);
}

/** Bound on the total variation between one draw and N_Z(0, sigma^2). Throws as the sampler does. */
export function tableSlack(sigma: number): number {
  return discreteGaussianTable(sigma).slack;
}

/** Throws as the sampler does. */
export function discreteGaussianTable(sigma: number): ReturnType<typeof cumulativeTable> {
  if (!(sigma >= SIGMA_MIN)) throw new HanseError('noiseTooSmall', { sigma, least: SIGMA_MIN });
  if (sigma > SIGMA_MAX) throw new HanseError('noiseTableTooLarge', { sigma, most: SIGMA_MAX });
  return tableOf(sigma);
}

function* ratiosOf(sigma: number): Iterable<bigint> {
  const { numerator, denominator } = rationalOf(sigma);
  const half = { numerator: denominator ** 2n, denominator: 2n * numerator ** 2n };
  let ratio = expMinus(half);
  const step = (ratio * ratio) >> FRACTION_BITS;
  for (;;) {
    yield ratio;
    ratio = (ratio * step) >> FRACTION_BITS;
  }
}

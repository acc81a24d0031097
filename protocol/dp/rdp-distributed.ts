/**
 * Integer noise of which each participant of a secure sum draws a part. Distributed discrete Gaussian: Kairouz, Liu,
 * Steinke 2021 (arXiv:2102.06387), with the rounded norm of their proposition 26. Skellam: Agarwal, Kairouz, Liu 2021
 * (arXiv:2110.04995), theorem 3.5. Lengths are in steps of the grid. Adjacency: one participant more or less, or zeroed.
 */
import type { Mechanism } from '../../schemas/dp-event.ts';
import { logMomentOfPoisson } from './rdp-poisson.ts';

/** The divergence of order a > 1, for integers of an L2 norm. */
export type Divergence = (a: number) => number;

/**
 * The norm that a vector of norm `clip` can have on the grid, after it was rounded until it has no larger one.
 * @param clip in steps of the grid
 * @param beta probability, in (0, 1), with which one rounding is too long
 */
export function roundedNorm(clip: number, dimension: number, beta: number): number {
  const always = (clip + Math.sqrt(dimension)) ** 2;
  const mostly =
    clip ** 2 + dimension / 4 + Math.sqrt(-2 * Math.log(beta)) * (clip + Math.sqrt(dimension) / 2);
  return Math.sqrt(Math.min(always, mostly));
}

/**
 * @param norm       L2 sensitivity of the sum
 * @param localSigma of the noise of one, at least 0.5
 * @param count      how many surely added their part, at least 1
 */
export function distributedDiscreteGaussian(
  norm: number,
  dimension: number,
  localSigma: number,
  count: number,
): Divergence {
  let tau = 0;
  for (let k = 1; k < count; k += 1) tau += Math.exp(-2 * Math.PI ** 2 * localSigma ** 2 * (k / (k + 1)));
  tau *= 10;
  const shift = norm / (Math.sqrt(count) * localSigma);
  return (a) =>
    Math.min((a / 2) * shift ** 2 + tau * dimension, (a / 2) * (shift + Math.sqrt(dimension) * tau) ** 2);
}

/** @param variance of the sum of all noise; the L1 sensitivity is at most min{ sqrt d, norm } times the norm */
export function skellam(norm: number, dimension: number, variance: number): Divergence {
  const l1 = norm * Math.min(Math.sqrt(dimension), norm);
  return (a) =>
    ((a / 2) * norm ** 2) / variance +
    Math.min(((2 * a - 1) * norm ** 2 + 6 * l1) / (4 * variance ** 2), (3 * l1) / (2 * variance));
}

/** Of an event. */
export function divergenceOfDistributed(
  event: Extract<Mechanism, { type: 'distributedDiscreteGaussian' | 'distributedSkellam' }>,
): Divergence {
  const { norm, dimension, sigma, parties } = event;
  return event.type === 'distributedSkellam'
    ? skellam(norm, dimension, parties * sigma ** 2)
    : distributedDiscreteGaussian(norm, dimension, sigma, parties);
}

/**
 * Of a sum in which a unit takes part with probability q, in [0, 1]. The noise is symmetric.
 * @returns Infinity at an order a > 1 that is no integer: nothing is known there
 */
export function rdpOfSampledShares(divergence: Divergence, q: number, a: number): number {
  if (q === 0) return 0;
  if (q === 1) return divergence(a);
  if (!Number.isInteger(a)) return Infinity;
  return logMomentOfPoisson((j) => (j - 1) * divergence(j), q, a) / (a - 1);
}

/**
 * Clipping to a quantile of what updates are long: Andrew, Thakkar, Ramaswamy, McMahan, "Differentially private learning
 * with adaptive clipping", NeurIPS 2021, algorithm 1. SPEC.md 12.10. Pure: whoever knows the clip counts of all rounds, which
 * are opened with noise, recomputes every clip norm.
 *
 *   C_(t+1) = C_t exp(-rate (b_t - quantile)),   b_t the noised fraction of updates with norm <= C_t
 *
 * A participant's bit travels as +-1, with the vector and under the same noise: as a counter of +-s, in steps of
 * the grid. Both are one vector of norm sqrt(D^2 + s^2), so one event charges for both. In terms of the paper, z the
 * multiplier of that event and sigma_b the deviation of the noised count of bits 0 and 1:
 *
 *   z_delta = sigma / D = (z^-2 - (2 sigma_b)^-2)^(-1/2),   2 sigma_b = sigma / s,   sigma = z sqrt(D^2 + s^2)
 *
 * C_t is no secret and no part of the sensitivity: the grid is C_t / L for an L that is fixed, so D is the same in all rounds.
 */

import type { AdaptiveClipping, Codec } from '../../schemas/codec.ts';
import type { OpenedSum } from '../ring/sum.ts';

/** What a job fixes in advance. */
export interface AdaptiveClip extends Pick<AdaptiveClipping, 'quantile' | 'rate'> {
  /** C_1 > 0. */
  readonly initial: number;
}

/** The rule of a job; undefined where its clip norm stays. */
export function clipRuleOf({ adaptive, clipNorm }: Codec): AdaptiveClip | undefined {
  return adaptive && { ...adaptive, initial: clipNorm };
}

/**
 * The codec of a round: as long an update has as many steps of the grid in every round.
 * @param clipNorm C_t; undefined, or of a codec without adaptive clipping: the codec itself
 */
export function codecOfRound(codec: Codec, clipNorm: number | undefined): Codec {
  const { adaptive, rotation } = codec;
  if (!adaptive || clipNorm === undefined) return codec;
  const ratio = clipNorm / codec.clipNorm;
  return {
    ...codec,
    clipNorm,
    grid: codec.grid * ratio,
    ...(rotation && { rotation: { ...rotation, bound: rotation.bound * ratio } }),
  };
}

/**
 * b of a round, from the counter of its opened sum; undefined without adaptive clipping.
 * @param opened `counters`: modulo 2^32; `count`: of the updates, at least 1
 */
export function openedFraction(
  { adaptive }: Codec,
  { counters, count }: Pick<OpenedSum, 'counters' | 'count'>,
): number | undefined {
  if (!adaptive) return undefined;
  const [bits = 0] = counters;
  return clipFraction(bits | 0, adaptive.bitScale, count);
}

/** The rule of the paper. */
export const MEDIAN = { quantile: 0.5, rate: 0.2 } as const;

/** C stays within so many powers of two of where it began, whatever the noise says. */
const REACH = 2 ** 40;

/**
 * C of the next round.
 * @param clipNorm C_t > 0
 * @param fraction b_t, noised: it may lie outside of [0, 1], and counts as its nearest end
 */
export function nextClipNorm(
  clipNorm: number,
  fraction: number,
  { initial, quantile, rate }: AdaptiveClip,
): number {
  const b = Math.min(1, Math.max(0, fraction));
  const next = clipNorm * portableExp(-rate * (b - quantile));
  return Math.min(initial * REACH, Math.max(initial / REACH, next));
}

/**
 * exp(x), |x| <= 1, within 2^-50: of operations that IEEE 754 defines to the bit, for `Math.exp` may differ from one engine to
 * another, and everybody has to arrive at the same C.
 */
function portableExp(x: number): number {
  let sum = 1;
  for (let k = 20; k >= 1; k -= 1) sum = 1 + (x * sum) / k;
  return sum;
}

/**
 * b of a round.
 * @param sum   of the coordinates +-s of all updates and of their noise
 * @param scale s > 0
 * @param count of the updates, or how many were expected where their number is secret
 */
export function clipFraction(sum: number, scale: number, count: number): number {
  return (sum / (scale * count) + 1) / 2;
}

/** The noise of one event, divided between vector and bit. */
export interface SplitNoise {
  /** s: an integer, at least 1. */
  readonly bitScale: number;
  /** sqrt(D^2 + s^2): the L2 norm of an update and its bit. */
  readonly norm: number;
  /** Of the vector alone, z_delta > z. */
  readonly vectorMultiplier: number;
  /** Deviation of the noised count of bits 0 and 1. */
  readonly bitSigma: number;
}

/**
 * How the noise of one event is divided between vector and bit.
 * @param multiplier  z of the event
 * @param sensitivity D, in steps of the grid
 * @param bitSigma    sigma_b wanted for the count, above z / 2; the paper takes a twentieth of the cohort. The scale of the
 *   bit is rounded down to an integer, so the noise of the bit is this or more
 * @throws RangeError where the bit would take all of the noise, or has no room on the grid
 */
export function splitNoise(multiplier: number, sensitivity: number, bitSigma: number): SplitNoise {
  if (!(2 * bitSigma > multiplier))
    throw new RangeError(`sigma_b ${bitSigma} is not above ${multiplier} / 2`);
  // sigma^2 = z^2 (D^2 + s^2) and s = sigma / (2 sigma_b).
  const share = (multiplier / (2 * bitSigma)) ** 2;
  const bitScale = Math.floor(sensitivity * Math.sqrt(share / (1 - share)));
  if (bitScale < 1) throw new RangeError(`a bit of less than a step of the grid for sigma_b ${bitSigma}`);
  const norm = Math.hypot(sensitivity, bitScale);
  const sigma = multiplier * norm;
  return { bitScale, norm, vectorMultiplier: sigma / sensitivity, bitSigma: sigma / bitScale / 2 };
}

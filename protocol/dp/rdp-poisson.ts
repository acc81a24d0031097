/**
 * Noise on a Poisson sample: each unit takes part with probability q. Mironov, Talwar, Zhang 2019 (arXiv:1908.10530).
 * By their theorem 5 the divergence from the mixture to the noise is the larger one, for noise that is symmetric, so
 *   A(a) = E_(x ~ P) [ (1 + q (Q(x)/P(x) - 1))^a ],  P the noise, Q its shift,  R(a) = ln A(a) / (a - 1).
 * Adding or removing one unit, or zeroing it. All sums are of A - 1 and have positive terms alone: nothing cancels,
 * however small q is. At fractional orders the series that peers publish is taken where it converges, which is above the
 * exact integral; for large q and low orders, where it does not, the integral.
 */

import { log1pExp, logExpm1, logSumExp } from './log-space.ts';
import { rdpOfNoise, type SymmetricNoise } from './rdp-noise.ts';
import { logMomentBySeries } from './rdp-poisson-series.ts';
import { logBinomial } from './special-functions.ts';

/** Below this noise the integral over a fractional order would need too many points. */
const LEAST_NOISE = 0.1;

/**
 * @param q in [0, 1]
 * @returns the divergence of order a > 1; Infinity at a fractional order of noise that is not Gaussian: not known there
 */
export function rdpOfPoisson(noise: SymmetricNoise, q: number, a: number): number {
  if (q === 0) return 0;
  if (q === 1) return rdpOfNoise(noise, a);
  if (Number.isInteger(a)) return logMomentOfPoisson((j) => (j - 1) * rdpOfNoise(noise, j), q, a) / (a - 1);
  if (noise.type !== 'gaussian') return Infinity;
  const { noiseMultiplier } = noise;
  if (noiseMultiplier >= LEAST_NOISE) {
    const exact = logMomentByIntegral(q, noiseMultiplier, a);
    return Math.max(exact, logMomentBySeries(q, noiseMultiplier, a) ?? exact) / (a - 1);
  }
  // The logarithm of a moment is convex in its order: the chord is above it.
  const below = Math.floor(a);
  const moment = (order: number) => (order === 1 ? 0 : rdpOfPoisson(noise, q, order) * (order - 1));
  return ((below + 1 - a) * moment(below) + (a - below) * moment(below + 1)) / (a - 1);
}

/**
 * ln A(a) = ln(1 + sum_(j=2..a) binom(a,j) (1-q)^(a-j) q^j (e^m(j) - 1)) for an integer a, q in (0, 1).
 * @param logMoment m(j) = ln E_P[(Q/P)^j] = (j-1) R(j) without sampling, or a bound of it
 */
export function logMomentOfPoisson(logMoment: (j: number) => number, q: number, a: number): number {
  const terms: number[] = [];
  for (let j = 2; j <= a; j += 1)
    terms.push(logBinomial(a, j) + (a - j) * Math.log1p(-q) + j * Math.log(q) + logExpm1(logMoment(j)));
  return log1pExp(logSumExp(terms));
}

/**
 * The same for Gaussian noise and any a > 1, with E_P[Q/P - 1] = 0 taken out of the integrand:
 *   A - 1 = int phi(y) [ (1+u)^a - 1 - a u ] dy,  u = q (e^t - 1),  t = y/z - 1/(2 z^2).
 * The trapezoidal rule on the whole line errs by exp(-2 pi D/h) for an integrand without poles within D of the line
 * (Trefethen, Weideman 2014). Here 1 + u = 0 is pi z away, and h <= 0.4 z.
 */
export function logMomentByIntegral(q: number, z: number, a: number): number {
  const h = Math.min(0.4, 0.4 * z);
  const end = Math.max(a, 2) / z + 12;
  const terms: number[] = [];
  for (let y = -12; y <= end; y += h) terms.push(-0.5 * y * y + logExcess(q, y / z - 0.5 / (z * z), a));
  return log1pExp(logSumExp(terms) + Math.log(h) - 0.5 * Math.log(2 * Math.PI));
}

/** ln[ (1+u)^a - 1 - a u ], u = q (e^t - 1). */
function logExcess(q: number, t: number, a: number): number {
  // In logarithms where e^t has no form as a number, though u may be small.
  const u = t < 30 ? q * Math.expm1(t) : Math.exp(t + Math.log(q)) - q;
  const grown = u < 1e300 ? Math.log1p(u) : t + Math.log(q);
  // Here a u is below e^-27 of the rest; without it the value is an upper bound.
  if (a * grown > 300) return a * grown;
  if (Math.abs(u) > 0.05) return Math.log(Math.expm1(a * grown) - a * u);
  if (u === 0) return -Infinity;
  let coefficient = (a * (a - 1)) / 2;
  let sum = 0;
  let power = 1;
  for (let k = 2; k < 24; k += 1) {
    sum += coefficient * power;
    power *= u;
    coefficient *= (a - k) / (k + 1);
  }
  return Math.log(sum) + 2 * Math.log(Math.abs(u));
}

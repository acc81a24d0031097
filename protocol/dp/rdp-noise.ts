/**
 * Renyi divergences of additive noise between a query and its shift by the sensitivity. Mironov 2017 (Gaussian, Laplace,
 * randomised response); Canonne, Kamath, Steinke 2020 (discrete Gaussian); the discrete Laplace is summed in closed form.
 * Each is the same in both directions, for the noise is symmetric. Orders a > 1.
 */
import type { DpEvent, Mechanism } from '../../schemas/dp-event.ts';
import { log1pExp, logSumExp } from './log-space.ts';

export type SymmetricNoise = Extract<
  Mechanism,
  { type: 'gaussian' | 'laplace' | 'discreteLaplace' | 'discreteGaussian' }
>;

export function isSymmetricNoise(event: DpEvent): event is SymmetricNoise {
  return ['gaussian', 'laplace', 'discreteLaplace', 'discreteGaussian'].includes(event.type);
}

/** The divergence of order a, or, for the discrete Gaussian, a bound of it. */
export function rdpOfNoise(noise: SymmetricNoise, a: number): number {
  switch (noise.type) {
    case 'gaussian':
      return a / 2 / noise.noiseMultiplier ** 2;
    case 'discreteGaussian':
      return (a / 2) * (noise.sensitivity / noise.sigma) ** 2;
    case 'laplace':
      return rdpOfLaplace(noise.scaleOverSensitivity, a);
    case 'discreteLaplace':
      return rdpOfDiscreteLaplace(noise.a, noise.sensitivity, a);
    default:
      noise satisfies never;
      throw new Error('unreachable');
  }
}

/**
 * ln[ a/(2a-1) e^((a-1)/b) + (a-1)/(2a-1) e^(-a/b) ] / (a-1). For much noise the terms of first order, which cancel, are
 * left out from the start.
 */
function rdpOfLaplace(b: number, a: number): number {
  const up = (a - 1) / b;
  const down = a / b;
  if (up > 30)
    return (up + Math.log(a / (2 * a - 1)) + Math.log1p(((a - 1) / a) * Math.exp(-down - up))) / (a - 1);
  const excess = (a * expm1MinusX(up) + (a - 1) * expm1MinusX(-down)) / (2 * a - 1);
  return Math.log1p(excess) / (a - 1);
}

/** exp(x) - 1 - x. */
function expm1MinusX(x: number): number {
  if (Math.abs(x) > 0.5) return Math.expm1(x) - x;
  let term = (x * x) / 2;
  let sum = term;
  for (let n = 3; Math.abs(term) > 1e-17 * sum; n += 1) {
    term *= x / n;
    sum += term;
  }
  return sum;
}

/** With decay c and shift D: tanh(c/2) [ (e^((a-1)cD) + e^(-acD)) / (1 - e^-c) + e^(-acD) sum_(0<x<D) e^(c(2a-1)x) ]. */
function rdpOfDiscreteLaplace(c: number, shift: number, a: number): number {
  const growth = c * (2 * a - 1);
  const ends = -Math.log(-Math.expm1(-c));
  const terms = [(a - 1) * c * shift + ends, -a * c * shift + ends];
  if (shift > 1)
    terms.push(
      -a * c * shift +
        growth * (shift - 1) +
        Math.log(-Math.expm1(-growth * (shift - 1))) -
        Math.log(-Math.expm1(-growth)),
    );
  return Math.max(0, Math.log(Math.tanh(c / 2)) + logSumExp(terms)) / (a - 1);
}

/** Of randomised response, which dominates whatever is epsilon-DP: ln[ cosh((a-1/2)e) / cosh(e/2) ] / (a-1). */
export function rdpOfPure(epsilon: number, a: number): number {
  if (a * epsilon > 60) return (a * epsilon - log1pExp(epsilon)) / (a - 1);
  const excess =
    (2 * Math.sinh((a * epsilon) / 2) * Math.sinh(((a - 1) * epsilon) / 2)) / Math.cosh(epsilon / 2);
  return Math.log1p(excess) / (a - 1);
}

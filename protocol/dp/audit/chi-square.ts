/**
 * The chi-square law with k degrees of freedom: both tails and quantiles, exact to 1e-9 relative for k up to 10^9.
 * NIST DLMF chapter 8: P(a, x) by the series 8.11.4 below a, Q(a, x) by the continued fraction 8.9.2 above it, a = k/2.
 */
import { leastEnough } from '../bisection.ts';
import { logGamma } from '../special-functions.ts';
import { continuedFraction } from './continued-fraction.ts';

export interface Tails {
  /** P[X <= x]. */
  readonly below: number;
  /** P[X >= x]. */
  readonly above: number;
}

const PRECISION = 1e-16;

/** @param x >= 0 @param freedom k > 0 */
export function chiSquareTails(x: number, freedom: number): Tails {
  const [a, at] = [freedom / 2, x / 2];
  if (!(at > 0)) return { below: 0, above: 1 };
  if (at === Infinity) return { below: 1, above: 0 };
  if (at < a + 1) {
    const below = (densityFactor(a, at) / a) * series(a, at);
    return { below, above: 1 - below };
  }
  const above = densityFactor(a, at) * fraction(a, at);
  return { below: 1 - above, above };
}

/** The x with P[X <= x] = p, for p in (0, 1); `isAbove`: with P[X >= x] = p, which is exact for small p too. */
export function chiSquareQuantile(p: number, freedom: number, isAbove = false): number {
  const reaches = (x: number) => {
    const { below, above } = chiSquareTails(x, freedom);
    return isAbove ? above <= p : below >= p;
  };
  return leastEnough(reaches, freedom, 1e-12);
}

/** x^a e^-x / Gamma(a). Stirling's series takes the large parts of the logarithm away from each other. */
function densityFactor(a: number, x: number): number {
  if (a < 12) return Math.exp(a * Math.log(x) - x - logGamma(a));
  const deviation = (x - a) / a;
  const correction = 1 / (12 * a) - 1 / (360 * a ** 3) + 1 / (1260 * a ** 5);
  return Math.sqrt(a / (2 * Math.PI)) * Math.exp(-a * (deviation - Math.log1p(deviation)) - correction);
}

/** 1 + x/(a+1) + x^2/((a+1)(a+2)) + ... */
function series(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > PRECISION * sum; n += 1) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/** 1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- ...))). */
function fraction(a: number, x: number): number {
  return continuedFraction(x + 1 - a, (n) => [-n * (n - a), x + 1 - a + 2 * n]);
}

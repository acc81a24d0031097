/**
 * The regularised incomplete beta function, and the laws that it is the tail of. NIST DLMF 8.17.22, a continued fraction;
 * relative error 1e-6 for parameters up to 10^7, and less for smaller ones.
 */
import { leastEnough } from '../bisection.ts';
import { logGamma } from '../special-functions.ts';
import { continuedFraction } from './continued-fraction.ts';

/** I_x(a, b), in [0, 1]. @param x in [0, 1] @param a > 0 @param b > 0 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x > 0)) return 0;
  if (x >= 1) return 1;
  return x < (a + 1) / (a + b + 2) ? lowerPart(x, 1 - x, a, b) : 1 - lowerPart(1 - x, x, b, a);
}

/** P[F >= f] of the law of Fisher and Snedecor: the ratio of two variances that are equal in truth. */
export function fisherTail(f: number, freedom: number, freedomBelow: number): number {
  if (f === Infinity) return 0;
  const whole = freedomBelow + freedom * f;
  return incompleteBeta(freedomBelow / whole, freedomBelow / 2, freedom / 2);
}

/** The f with P[F >= f] = p, p in (0, 1). */
export function fisherQuantile(p: number, freedom: number, freedomBelow: number): number {
  return leastEnough((f) => fisherTail(f, freedom, freedomBelow) <= p, 1, 1e-12);
}

/**
 * P[c >= correlation] for the cosine c of two independent vectors of d dimensions, one of which has no direction that it
 * prefers: (1 + c)/2 has the beta law with parameters (d - 1)/2 twice.
 */
export function cosineTail(correlation: number, dimension: number): number {
  const half = (dimension - 1) / 2;
  return incompleteBeta((1 - correlation) / 2, half, half);
}

/** x^a (1-x)^b / (a B(a, b)) / (1 + d1/(1 + d2/(1 + ...))); for x below the mean. */
function lowerPart(x: number, rest: number, a: number, b: number): number {
  const logFactor = a * Math.log(x) + b * Math.log(rest) + logGamma(a + b) - logGamma(a) - logGamma(b);
  const fraction = continuedFraction(1, (n) => {
    const m = n >> 1;
    const numerator = n % 2 === 0 ? m * (b - m) : -(a + m) * (a + b + m);
    return [(numerator * x) / ((a + n - 1) * (a + n)), 1];
  });
  return (Math.exp(logFactor) / a) * fraction;
}

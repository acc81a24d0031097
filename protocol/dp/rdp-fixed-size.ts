/**
 * Noise on a random subset of fixed size, one unit exchanged for another: Wang, Balle, Kasiviswanathan 2019
 * (arXiv:1808.00087), theorem 9, and for Gaussian noise its tighter form by moments of Q/P - 1 (their section 3.3):
 *   ln A(a) <= ln(1 + sum_(j=2..a) binom(a,j) g^j c(j)),  g = sample / population,
 *   c(2) = min{ 4 (e^R(2) - 1), 2 e^R(2) },  c(j) = min{ 2 e^((j-1) R(j)), 4 sqrt(B(2 floor(j/2)) B(2 ceil(j/2))) },
 *   B(l) = E_P[(Q/P - 1)^l].
 * Between integers (a-1) R(a) is convex, so its chord bounds it. These bounds are loose; they are sound.
 */

import { log1pExp, logExpm1, logSumExp } from './log-space.ts';
import { rdpOfNoise, type SymmetricNoise } from './rdp-noise.ts';
import { logBinomial } from './special-functions.ts';

/** Beyond it the first form alone is used. */
const MAX_CENTRAL_ORDER = 256;
/** Below this noise it is no better, and its integral has too many points. */
const LEAST_NOISE = 0.1;

/**
 * @param share sample / population, in (0, 1]
 * @returns for each order a bound of the divergence
 */
export function rdpOfFixedSize(noise: SymmetricNoise, share: number, orders: readonly number[]): number[] {
  if (share === 1) return orders.map((a) => rdpOfNoise(noise, a));
  const central = new Map<number, number>();
  const centralAt = (order: number): number => {
    const known = central.get(order);
    if (known !== undefined) return known;
    const isUseful = noise.type === 'gaussian' && noise.noiseMultiplier >= LEAST_NOISE;
    const value = isUseful ? logCentralMoment(noise.noiseMultiplier, order) : Infinity;
    central.set(order, value);
    return value;
  };
  const moments = new Map<number, number>([[1, 0]]);
  const momentAt = (a: number): number => {
    const known = moments.get(a);
    if (known !== undefined) return known;
    const value = logMoment(noise, share, a, centralAt);
    moments.set(a, value);
    return value;
  };
  return orders.map((a) => {
    const below = Math.floor(a);
    if (below === a) return momentAt(a) / (a - 1);
    return ((below + 1 - a) * momentAt(below) + (a - below) * momentAt(below + 1)) / (a - 1);
  });
}

function logMoment(
  noise: SymmetricNoise,
  share: number,
  a: number,
  centralAt: (order: number) => number,
): number {
  const terms: number[] = [];
  for (let j = 2; j <= a; j += 1) {
    const divergence = rdpOfNoise(noise, j);
    const plain = Math.LN2 + (j - 1) * divergence;
    const tight =
      j === 2
        ? Math.log(4) + logExpm1(divergence)
        : a <= MAX_CENTRAL_ORDER
          ? Math.log(4) + 0.5 * (centralAt(2 * Math.floor(j / 2)) + centralAt(2 * Math.ceil(j / 2)))
          : Infinity;
    terms.push(j * Math.log(share) + logBinomial(a, j) + Math.min(plain, tight));
  }
  return log1pExp(logSumExp(terms));
}

/** ln E_P[(Q/P - 1)^l], l even, by the trapezoidal rule: the integrand is positive and entire. */
function logCentralMoment(z: number, l: number): number {
  const h = 0.25;
  const terms: number[] = [];
  const end = l / z + 12;
  // Far from its three bumps, at -l/z at the most, nothing is left.
  for (let y = -12 - Math.sqrt(l); y <= end; y += h) {
    const t = y / z - 0.5 / (z * z);
    const size = t > 0 ? logExpm1(t) : Math.log(-Math.expm1(t));
    if (t !== 0) terms.push(l * size - 0.5 * y * y);
  }
  return logSumExp(terms) + Math.log(h) - 0.5 * Math.log(2 * Math.PI);
}

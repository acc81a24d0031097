/**
 * The privacy loss ln(P(x)/Q(x)) of additive noise, P the noise and Q its shift by the sensitivity, as a law under both.
 * Dwork, Rothblum 2016; Sommer, Meiser, Mohammadi 2019. The noise is symmetric: the loss under Q is the negative of the
 * one under P, so that only losses from 0 on have to be told.
 */

import type { Mechanism } from '../../schemas/dp-event.ts';
import { binomialTail } from './binomial-tail.ts';
import { logExpm1 } from './log-space.ts';
import type { SymmetricNoise } from './rdp-noise.ts';
import { erfc, erfcinv } from './special-functions.ts';

/** A single loss: P = p and Q = p e^-loss. */
export interface LossAtom {
  readonly loss: number;
  readonly mass: number;
}

/** The law of losses between a pair (P, Q), a dense part and atoms. */
export interface LossLaw {
  /**
   * Of the dense part alone: P and Q of losses beyond t, away from 0 (above it for t >= 0, else below it).
   * Missing if there is none.
   * @param into [2], is written
   */
  readonly tailsAt?: (t: number, into: Float64Array) => void;
  /** The dense part lies between them, but for what `lost` has. */
  readonly from: number;
  readonly to: number;
  readonly atoms: readonly LossAtom[];
  /** Mass of P, and of Q, for which no loss is told: beyond every bound. */
  readonly lostP: number;
  readonly lostQ: number;
  /** Exchanging P and Q leaves it as it is. */
  readonly isSymmetric: boolean;
}

/** More atoms than these are not told one by one. */
const MAX_ATOMS = 2 ** 18;

/**
 * @param tail mass that may count as lost, in (0, 1)
 * @returns undefined if the law has more atoms than can be told
 */
export function lossOfNoise(noise: SymmetricNoise, tail: number): LossLaw | undefined {
  switch (noise.type) {
    case 'gaussian':
      return lossOfGaussian(noise.noiseMultiplier, tail);
    case 'laplace':
      return lossOfLaplace(noise.scaleOverSensitivity);
    case 'discreteLaplace':
      return lossOfDiscreteLaplace(noise.a, noise.sensitivity);
    case 'discreteGaussian':
      return lossOfDiscreteGaussian(noise.sigma, noise.sensitivity, tail);
    default:
      noise satisfies never;
      throw new Error('unreachable');
  }
}

/** Of what is (epsilon, delta)-DP, dominated by randomised response that fails with delta: Kairouz, Oh, Viswanath 2015. */
export function lossOfEpsilonDelta(epsilon: number, delta: number): LossLaw {
  const lower = (1 - delta) / (1 + Math.exp(epsilon));
  return discrete(
    [
      { loss: epsilon, mass: 1 - delta - lower },
      { loss: -epsilon, mass: lower },
    ],
    delta,
  );
}

/** Under P the loss is normal with mean 1/(2z^2) and deviation 1/z. */
function lossOfGaussian(z: number, tail: number): LossLaw {
  const middle = 0.5 / (z * z);
  const scale = z / Math.SQRT2;
  const to = middle + (Math.SQRT2 / z) * erfcinv(tail);
  return {
    tailsAt(t, into) {
      const size = Math.abs(t);
      into[t < 0 ? 1 : 0] = erfc((size - middle) * scale) / 2;
      into[t < 0 ? 0 : 1] = erfc((size + middle) * scale) / 2;
    },
    from: -to,
    to,
    atoms: [],
    lostP: 0,
    lostQ: 0,
    isSymmetric: true,
  };
}

/** Between the two centres the loss runs from 1/b to -1/b; outside it stays there. */
function lossOfLaplace(b: number): LossLaw {
  const most = 1 / b;
  return {
    tailsAt(t, into) {
      const left = (most - Math.abs(t)) / 2;
      into[t < 0 ? 1 : 0] = left > 0 ? -Math.expm1(-left) / 2 : 0;
      into[t < 0 ? 0 : 1] = left > 0 ? (Math.exp(left - most) - Math.exp(-most)) / 2 : 0;
    },
    from: -most,
    to: most,
    atoms: [
      { loss: most, mass: 0.5 },
      { loss: -most, mass: Math.exp(-most) / 2 },
    ],
    lostP: 0,
    lostQ: 0,
    isSymmetric: true,
  };
}

function lossOfDiscreteLaplace(a: number, sensitivity: number): LossLaw | undefined {
  if (sensitivity > MAX_ATOMS) return undefined;
  const end = 1 / (1 + Math.exp(-a));
  const atoms = [
    { loss: a * sensitivity, mass: end },
    { loss: -a * sensitivity, mass: Math.exp(-a * sensitivity) * end },
  ];
  const peak = Math.tanh(a / 2);
  for (let x = 1; x < sensitivity; x += 1)
    atoms.push({ loss: a * (sensitivity - 2 * x), mass: peak * Math.exp(-a * x) });
  return discrete(atoms, 0);
}

function lossOfDiscreteGaussian(sigma: number, sensitivity: number, tail: number): LossLaw | undefined {
  // Beyond r, less than exp(-r^2 / (2 sigma^2)) of either side: Canonne, Kamath, Steinke 2020, proposition 25.
  const reach = Math.ceil(sigma * Math.sqrt(-2 * Math.log(tail))) + 1;
  if (2 * reach + sensitivity > MAX_ATOMS) return undefined;
  const weightOf = (x: number) => Math.exp(-((x / sigma) ** 2) / 2);
  let total = 1;
  for (let x = reach; x >= 1; x -= 1) total += 2 * weightOf(x);
  const atoms: LossAtom[] = [];
  for (let x = -reach; x <= reach + sensitivity; x += 1)
    atoms.push({
      loss: (sensitivity * (sensitivity - 2 * x)) / (2 * sigma * sigma),
      mass: weightOf(x) / total,
    });
  return discrete(atoms, tail);
}

function discrete(atoms: readonly LossAtom[], lost: number): LossLaw {
  return { from: 0, to: 0, atoms, lostP: lost, lostQ: lost, isSymmetric: true };
}

/**
 * Each unit takes part with probability q: ((1-q) Q + q P, Q), the loss l becomes ln(1 - q + q e^l). Zhu, Dong, Wang 2022
 * (arXiv:2106.08567), theorem 11. Adding is the one direction, removing the other.
 * @param q in [0, 1]
 */
export function lossOfPoisson(base: LossLaw, q: number): LossLaw {
  if (q === 1) return base;
  if (q === 0) return discrete([{ loss: 0, mass: 1 }], 0);
  const { tailsAt } = base;
  const lost = base.lostP + base.lostQ;
  return {
    ...(tailsAt && {
      tailsAt(t: number, into: Float64Array) {
        const unsampled = lossBeforeSampling(t, q);
        if (unsampled === -Infinity) {
          into.fill(0);
          return;
        }
        tailsAt(unsampled, into);
        into[0] = (1 - q) * (into[1] as number) + q * (into[0] as number);
      },
    }),
    from: lossAfterSampling(base.from, q),
    to: lossAfterSampling(base.to, q),
    atoms: base.atoms.map(({ loss, mass }) => ({
      loss: lossAfterSampling(loss, q),
      mass: (1 - q) * mass * Math.exp(-loss) + q * mass,
    })),
    lostP: lost,
    lostQ: lost,
    isSymmetric: false,
  };
}

/**
 * Gaussian noise on a Poisson sample of which no more than `maxCohort` units, chosen at random, are kept: Ganesh 2025
 * (arXiv:2508.15089). Where the others already fill the cohort, a unit that is kept takes the place of another, which is
 * twice the sensitivity; which of the two happened may as well be known.
 */
export function lossOfTruncatedPoisson(
  event: Extract<Mechanism, { type: 'truncatedPoissonGaussian' }>,
  tail: number,
): LossLaw {
  const { populationSize, q, maxCohort, noiseMultiplier } = event;
  const room = lossOfPoisson(lossOfGaussian(noiseMultiplier, tail), q);
  const isFull = binomialTail(populationSize - 1, q, maxCohort);
  if (isFull === 0) return room;
  const isKept = ((maxCohort / populationSize) * binomialTail(populationSize, q, maxCohort + 1)) / isFull;
  const full = lossOfPoisson(lossOfGaussian(noiseMultiplier / 2, tail), Math.min(1, isKept));
  const other = new Float64Array(2);
  return {
    tailsAt(t, into) {
      into.fill(0);
      other.fill(0);
      room.tailsAt?.(t, into);
      full.tailsAt?.(t, other);
      for (const at of [0, 1])
        into[at] = (1 - isFull) * (into[at] as number) + isFull * (other[at] as number);
    },
    from: Math.min(room.from, full.from),
    to: Math.max(room.to, full.to),
    atoms: [],
    lostP: 0,
    lostQ: 0,
    isSymmetric: false,
  };
}

/**
 * A random share of fixed size takes part, one unit exchanged: Zhu, Dong, Wang 2022, theorem 11 (replace one). Losses
 * above 0 as ((1-g) Q + g P, Q) has them, below 0 as (P, (1-g) P + g Q), and what is left of both at 0.
 * @param base is symmetric
 * @param share g = sample / population, in (0, 1]
 */
export function lossOfFixedSize(base: LossLaw, share: number): LossLaw {
  if (share === 1) return base;
  const { tailsAt } = base;
  const mirrored = (loss: number) => Math.sign(loss) * lossAfterSampling(Math.abs(loss), share);
  const heads = new Float64Array(2);
  tailsAt?.(0, heads);
  let distance = (heads[0] as number) - (heads[1] as number);
  let atZero = 0;
  const atoms: LossAtom[] = [];
  for (const { loss, mass } of base.atoms) {
    const other = mass * Math.exp(-loss);
    if (loss === 0) atZero += mass;
    else if (loss > 0) {
      distance += mass - other;
      atoms.push({ loss: mirrored(loss), mass: share * mass + (1 - share) * other });
    } else atoms.push({ loss: mirrored(loss), mass });
  }
  atoms.push({ loss: 0, mass: atZero + (1 - share) * Math.max(0, distance) });
  const lost = base.lostP + base.lostQ;
  return {
    ...(tailsAt && {
      tailsAt(t: number, into: Float64Array) {
        tailsAt(Math.sign(t) * lossBeforeSampling(Math.abs(t), share), into);
        const near = t < 0 ? 1 : 0;
        into[near] = (1 - share) * (into[1 - near] as number) + share * (into[near] as number);
      },
    }),
    from: mirrored(base.from),
    to: mirrored(base.to),
    atoms,
    lostP: lost,
    lostQ: lost,
    isSymmetric: true,
  };
}

/** ln(1 - q + q e^l). */
function lossAfterSampling(loss: number, q: number): number {
  if (loss > 30) return loss + Math.log(q) + Math.log1p(((1 - q) / q) * Math.exp(-loss));
  return Math.log1p(q * Math.expm1(loss));
}

/** Its inverse; -Infinity below ln(1 - q). */
function lossBeforeSampling(loss: number, q: number): number {
  if (loss > 30) return logExpm1(loss) - Math.log(q);
  const excess = Math.expm1(loss) / q;
  if (excess < 1e300) return excess > -1 ? Math.log1p(excess) : -Infinity;
  return logExpm1(loss) - Math.log(q);
}

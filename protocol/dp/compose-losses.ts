/**
 * Sums of independent privacy losses, and the epsilon of one sum. Masses are tilted by e^(theta l) before the transform
 * (Esscher), theta such that the sum lies where the answer is, so that rounding errors are small beside the delta that is
 * asked for however small it is; then the tilt is taken back,
 *   delta(epsilon) = lost + e^K sum_(l > epsilon) (1 - e^(epsilon - l)) e^(-theta l) y(l),  K = sum_j T_j ln M_j(theta),
 * y the T_j-fold convolutions, by powers in the frequency domain. Gopi, Lee, Wutschitz 2021; Koskela, Jalko, Honkela 2020.
 * What the window leaves out and what rounding may take are added to delta.
 */
import type { GridLoss } from './connect-the-dots.ts';
import { realFft, type Spectrum } from './fft.ts';

export interface Part {
  readonly grid: GridLoss;
  /** At least 1. */
  readonly count: number;
}

/** Mass of the tilted sum that the window may leave out on a side. */
const OUTSIDE = 1e-13;
/** More than one rounding, of the transform for every factor of two in the length (Higham 2002, theorem 24.2). */
const ROUNDING = 2 ** -51;
/** The logarithm of a value of a spectrum that is far below one rounding. */
const NOTHING = -60;
/**
 * Tilts that are sought. No larger ones than the reciprocal of h: where losses end and delta is small beside the mass there, the
 * best tilt is infinite, and what a step weighs more than the one before would be beyond all precision.
 */
const LEAST_TILT = 1e-3;
const MOST_TILT_STEP = 1;
/** Points of the grids by which a tilt is sought. */
const COARSE = 4096;

/** What is given: of epsilon and delta, the other one is sought. */
export type Target = { readonly delta: number } | { readonly epsilon: number };

/** How the sum is transformed. */
export interface Plan {
  readonly theta: number;
  /** First and last point of the window. */
  readonly from: number;
  readonly to: number;
  /** Epsilon at delta is about this, an upper bound but for rounding; or what was given. */
  readonly about: number;
}

/** ln M(theta) of one part: M = sum of masses e^(theta l). */
function logMgf({ h, low, masses }: GridLoss, theta: number, logs: Float64Array): number {
  let largest = -Infinity;
  const step = theta * h;
  const start = theta * low * h;
  for (let at = 0; at < logs.length; at += 1) {
    const exponent = start + step * at + (logs[at] as number);
    if (exponent > largest) largest = exponent;
  }
  let sum = 0;
  const offset = start - largest;
  for (let at = 0; at < logs.length; at += 1)
    if ((masses[at] as number) > 0) sum += Math.exp(offset + step * at + (logs[at] as number));
  return largest + Math.log(sum);
}

interface Measured {
  readonly part: Part;
  readonly logs: Float64Array;
}

const measured = (parts: readonly Part[]): readonly Measured[] =>
  parts.map((part) => ({ part, logs: part.grid.masses.map(Math.log) }));
const logMgfOf = (parts: readonly Measured[], theta: number): number =>
  parts.reduce((sum, { part, logs }) => sum + part.count * logMgf(part.grid, theta, logs), 0);

/** Mass of P that is at infinity in the sum. */
function lostOf(parts: readonly Part[]): number {
  return -Math.expm1(parts.reduce((sum, { grid, count }) => sum + count * Math.log1p(-grid.lost), 0));
}

/**
 * The tilt that bounds delta best (Canonne, Kamath, Steinke 2020, proposition 12, with theta = order - 1), and Chernoff's
 * bounds of the tilted sum.
 * @param parts all of one h
 */
export function planOf(parts: readonly Part[], target: Target): Plan {
  const rough = measured(parts.map(({ grid, count }) => ({ grid: coarser(grid), count })));
  const atZero = (theta: number): number =>
    logMgfOf(rough, theta) + theta * Math.log(theta) - (1 + theta) * Math.log1p(theta);
  // Of epsilon, or of the logarithm of delta.
  const bound =
    'delta' in target
      ? (theta: number): number => (atZero(theta) - Math.log(target.delta)) / theta
      : (theta: number): number => atZero(theta) - theta * target.epsilon;
  const h = (parts[0] as Part).grid.h;
  const theta = leastBetween(bound, LEAST_TILT, MOST_TILT_STEP / h);
  const exact = measured(parts);
  const at = logMgfOf(exact, theta);
  // The deviation by a second difference; it only sets where bounds are tried.
  const small = Math.min(theta / 2, 1e-2 * theta + 1e-4);
  const variance =
    (logMgfOf(rough, theta + small) + logMgfOf(rough, theta - small) - 2 * logMgfOf(rough, theta)) /
    small ** 2;
  const deviation = Math.max(h, Math.sqrt(Math.max(0, variance)));
  let from = parts.reduce((sum, { grid, count }) => sum + count * grid.low, 0);
  let to = lastOf(parts);
  for (const turns of [0.3, 0.6, 1, 1.5, 2, 3, 4, 6, 8]) {
    const far = turns / deviation;
    to = Math.min(to, Math.ceil((logMgfOf(exact, theta + far) - at - Math.log(OUTSIDE)) / far / h));
    from = Math.max(from, Math.floor((at - logMgfOf(exact, theta - far) + Math.log(OUTSIDE)) / far / h));
  }
  return { theta, from, to, about: 'delta' in target ? Math.max(0, bound(theta)) : target.epsilon };
}

/** The last point that has a mass in the sum. */
function lastOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { grid, count }) => sum + count * (grid.low + grid.masses.length - 1), 0);
}

/** Masses of neighbours together, at the upper one. */
function coarser(grid: GridLoss): GridLoss {
  const factor = Math.ceil(grid.masses.length / COARSE);
  if (factor === 1) return grid;
  const low = Math.floor(grid.low / factor);
  const masses = new Float64Array(Math.ceil(grid.masses.length / factor) + 2);
  grid.masses.forEach((mass, at) => {
    const to = Math.ceil((grid.low + at) / factor) - low;
    masses[to] = (masses[to] as number) + mass;
  });
  return { h: grid.h * factor, low, masses, lost: grid.lost };
}

/** By golden sections of ln x; the function falls, then rises. */
function leastBetween(f: (x: number) => number, least: number, most: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(least);
  let high = Math.log(most);
  let a = high - ratio * (high - low);
  let b = low + ratio * (high - low);
  let [atA, atB] = [f(Math.exp(a)), f(Math.exp(b))];
  while (high - low > 0.02) {
    if (atA <= atB) {
      [high, b, atB] = [b, a, atA];
      a = high - ratio * (high - low);
      atA = f(Math.exp(a));
    } else {
      [low, a, atA] = [a, b, atB];
      b = low + ratio * (high - low);
      atB = f(Math.exp(b));
    }
  }
  return Math.exp((low + high) / 2);
}

/**
 * The least epsilon of the sum at delta, rounded up.
 * @param delta in (0, 1)
 * @returns at least 0; Infinity if no epsilon is sufficient, or delta is too small for the precision
 */
export function epsilonOfSum(parts: readonly Part[], plan: Plan, delta: number): number {
  const left = delta - lostOf(parts) * (1 + 1e-12);
  if (!(left > 0)) return Infinity;
  const [only] = parts;
  if (parts.length === 1 && only?.count === 1) {
    const { h, low, masses } = only.grid;
    return epsilonOfTail(masses, low, h, 0, 0, left);
  }
  const { h } = (only as Part).grid;
  const { sum, logTotal, error } = tiltedSum(parts, plan);
  const outside = Math.exp(logTotal - plan.theta * plan.to * h) * OUTSIDE;
  const first = epsilonOfTail(sum, plan.from, h, plan.theta, logTotal, left - outside);
  // Errors of y above epsilon count by at most e^(K - theta epsilon); a larger epsilon has a smaller one.
  const rounding = Math.exp(logTotal - plan.theta * first) * error * weightOf(plan.theta, h);
  const epsilon = epsilonOfTail(sum, plan.from, h, plan.theta, logTotal, left - outside - rounding);
  // Beyond the largest loss nothing is lost but what is at infinity.
  return Math.min(epsilon, Math.max(0, lastOf(parts) * h));
}

/**
 * Delta of the sum at epsilon, rounded up.
 * @param epsilon at least 0
 */
export function deltaOfSum(parts: readonly Part[], plan: Plan, epsilon: number): number {
  const lost = lostOf(parts) * (1 + 1e-12);
  const [only] = parts;
  if (parts.length === 1 && only?.count === 1) {
    const { h, low, masses } = only.grid;
    return lost + deltaOfTail(masses, low, h, 0, 0, epsilon);
  }
  const { h } = (only as Part).grid;
  if (epsilon >= lastOf(parts) * h) return lost;
  const { sum, logTotal, error } = tiltedSum(parts, plan);
  const outside = Math.exp(logTotal - plan.theta * plan.to * h) * OUTSIDE;
  const rounding = Math.exp(logTotal - plan.theta * epsilon) * error * weightOf(plan.theta, h);
  return lost + outside + rounding + deltaOfTail(sum, plan.from, h, plan.theta, logTotal, epsilon);
}

/** The norm of (1 - e^(epsilon - l)) e^(-theta (l - epsilon)) over the points l above epsilon, at most. */
function weightOf(theta: number, h: number): number {
  const x = 2 * theta;
  return Math.sqrt(2 / (x * (x + 1) * (x + 2) * h) + 1);
}

interface TiltedSum {
  /** y, from the first point of the window on. */
  readonly sum: Float64Array;
  /** K */
  readonly logTotal: number;
  /** A bound of the norm of all errors of y: by Parseval, that of its spectrum over the root of the length. */
  readonly error: number;
}

function tiltedSum(parts: readonly Part[], { theta, from, to }: Plan): TiltedSum {
  const size = 2 ** Math.max(2, Math.ceil(Math.log2(to - from + 1)));
  const fft = realFft(size);
  const half = size / 2;
  const spectrum: Spectrum = { re: new Float64Array(half + 1), im: new Float64Array(half + 1) };
  const logs = new Float64Array(half + 1);
  const angles = new Float64Array(half + 1);
  const ring = new Float64Array(size);
  let logTotal = 0;
  // Of each value of the spectrum of the sum, relative to it.
  const errors = new Float64Array(half + 1).fill(4 * ROUNDING);
  // Where the sum of all first points lies on the ring of which the window begins at 0.
  let start = -from;
  for (const { grid, count } of parts) {
    const { h, low, masses } = grid;
    const logMasses = masses.map(Math.log);
    const logSum = logMgf(grid, theta, logMasses);
    ring.fill(0);
    for (let at = 0; at < masses.length; at += 1) {
      if (!((masses[at] as number) > 0)) continue;
      const to = at & (size - 1);
      ring[to] = (ring[to] as number) + Math.exp(theta * (low + at) * h + (logMasses[at] as number) - logSum);
    }
    const transformError = ROUNDING * Math.log2(size) * Math.sqrt(ring.reduce((sum, x) => sum + x * x, 0));
    fft.forward(ring, spectrum);
    for (let k = 0; k <= half; k += 1) {
      const re = spectrum.re[k] as number;
      const im = spectrum.im[k] as number;
      const square = re * re + im * im;
      const log = (logs[k] as number) + (count / 2) * Math.log(square);
      logs[k] = log;
      // No value is above 1, so what is nothing once remains so.
      if (log < NOTHING) continue;
      errors[k] = (errors[k] as number) + count * (2 * ROUNDING + transformError / Math.sqrt(square));
      angles[k] = (angles[k] as number) + count * Math.atan2(im, re);
    }
    logTotal += count * logSum;
    start += count * low;
  }
  let squares = 0;
  for (let k = 0; k <= half; k += 1) {
    if ((logs[k] as number) < NOTHING) {
      spectrum.re[k] = 0;
      spectrum.im[k] = 0;
      continue;
    }
    const length = Math.exp(logs[k] as number);
    squares += 2 * (length * (errors[k] as number)) ** 2;
    spectrum.re[k] = length * Math.cos(angles[k] as number);
    spectrum.im[k] = k === 0 || k === half ? 0 : length * Math.sin(angles[k] as number);
  }
  fft.inverse(spectrum, ring);
  const offset = ((start % size) + size) % size;
  const sum = new Float64Array(to - from + 1);
  for (let at = 0; at < sum.length; at += 1)
    sum[at] = Math.max(0, ring[(at - offset + size) & (size - 1)] as number);
  return { sum, logTotal, error: Math.sqrt(squares / size) + ROUNDING };
}

/**
 * The least epsilon with e^K sum_(l > epsilon) (1 - e^(epsilon - l)) e^(-theta l) y(l) <= delta.
 * @param y masses at (low + i) h
 */
function epsilonOfTail(
  y: Float64Array,
  low: number,
  h: number,
  theta: number,
  logTotal: number,
  delta: number,
): number {
  if (!(delta > 0)) return Infinity;
  // Of P above the point, and of Q there times e^point.
  let ofP = 0;
  let ofQ = 0;
  const fade = Math.exp(-h);
  const lowest = Math.max(0, 1 - low);
  for (let at = y.length - 1; at >= lowest; at -= 1) {
    const mass = y[at] as number;
    if (mass > 0) {
      const weighed = mass * Math.exp(logTotal - theta * (low + at) * h);
      ofP += weighed;
      ofQ += weighed;
    }
    // delta at the point below is ofP - fade ofQ; between the two it is ofP - e^(epsilon - l) ofQ.
    if (ofP - fade * ofQ > delta) {
      const epsilon = (low + at) * h + Math.log((ofP - delta) / ofQ);
      return Math.max(0, epsilon);
    }
    ofQ *= fade;
  }
  return 0;
}

/** e^K sum_(l > epsilon) (1 - e^(epsilon - l)) e^(-theta l) y(l), of the same masses. */
function deltaOfTail(
  y: Float64Array,
  low: number,
  h: number,
  theta: number,
  logTotal: number,
  epsilon: number,
): number {
  let delta = 0;
  for (let at = y.length - 1; at >= 0; at -= 1) {
    const loss = (low + at) * h;
    if (!(loss > epsilon)) break;
    const mass = y[at] as number;
    if (mass > 0) delta -= mass * Math.exp(logTotal - theta * loss) * Math.expm1(epsilon - loss);
  }
  return delta;
}

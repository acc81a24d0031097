/**
 * The accountant of privacy loss distributions: the losses of all events, discretised to the safe side, add up, and their
 * sum has an epsilon for a delta in each direction, of which the larger one counts. For scalar noise, for vectors under
 * Gaussian noise, and for events fixed in advance. What has no dominating pair known here is refused.
 */
import type { DpEvent, Neighbouring } from '../../schemas/dp-event.ts';
import { HanseError } from '../problem.ts';
import { deltaOfGaussian, epsilonOfGaussian } from './analytic-gaussian.ts';
import { lossOfExponential, lossOfRandomizedResponse } from './choice-loss.ts';
import { deltaOfSum, epsilonOfSum, type Part, type Plan, planOf, type Target } from './compose-losses.ts';
import { connectTheDots, type GridLoss, gridSizeOf } from './connect-the-dots.ts';
import {
  type LossLaw,
  lossOfEpsilonDelta,
  lossOfFixedSize,
  lossOfNoise,
  lossOfPoisson,
  lossOfTruncatedPoisson,
} from './privacy-loss.ts';
import { isSymmetricNoise } from './rdp-noise.ts';

/** Distance of the losses that are told apart. */
const PLD_GRID = 1e-4;

/** Of a grid and of a window. */
const MAX_POINTS = 2 ** 22;
/** Of all grids at once. */
const MAX_ALL_POINTS = 2 ** 24;
/** Where single losses may be larger than this, epsilon is told as infinite. */
const MAX_LOSS = 1e5;
/** Different events of one sum. */
const MAX_KINDS = 256;
/** What the grid may add to epsilon, absolute or of epsilon, before a finer one is taken. */
const GRID_COST = 1e-4;
/** Share of the larger direction below which the other one does not matter. */
const FAR_BELOW = 0.2;
/** Share of delta that tails may take. */
const TAIL_SHARE = 1e-8;
/** As which delta tails are cut before it is known, and the least one as which they are. */
const FIRST_DELTA = 1e-10;
const LEAST_DELTA = 1e-280;
/** A delta that is smaller by this than the one by which tails were cut is looked for once more. */
const TAIL_MATTERS = 1e-4;
const LOOKS = 4;
/** What rounding may take from the mean of one loss. */
const LOSS_ROUNDING = 1e-13;

type Leaf = Exclude<DpEvent, { type: 'repeat' | 'compose' }>;

/**
 * Epsilon of an event under a neighbouring relation, rounded up.
 * @param delta in (0, 1)
 * @returns at least 0; Infinity if the events lose more than delta, or single losses may be above 1e5
 * @throws `eventUnsupported` where no dominating pair is known
 */
export function pldEpsilon(
  event: DpEvent,
  neighbouring: Neighbouring,
  delta: number,
  grid = PLD_GRID,
): number {
  const sum = summandsOf(event);
  if (sum.leaves.length === 0) return epsilonOfGaussian(sum.noise, delta);
  const laws = lawsOf(sum, neighbouring, delta);
  if (distanceOf(sum, laws) <= delta) return 0;
  if (!areTold(laws)) return Infinity;
  const rounding = LOSS_ROUNDING * sum.total;
  const { plans, directions } = composed(event, laws, sum.counts, { delta }, grid);
  const epsilons = directions.map((parts, at) => epsilonOfSum(parts, plans[at] as Plan, delta));
  return Math.max(...epsilons.map((epsilon) => (epsilon === 0 ? 0 : epsilon + rounding)));
}

/**
 * Delta of an event under a neighbouring relation, rounded up.
 * @param epsilon at least 0
 * @returns in [0, 1]
 * @throws `eventUnsupported` where no dominating pair is known
 */
export function pldDelta(
  event: DpEvent,
  neighbouring: Neighbouring,
  epsilon: number,
  grid = PLD_GRID,
): number {
  const sum = summandsOf(event);
  if (sum.counts.length === 0) return 0;
  if (sum.leaves.length === 0) return deltaOfGaussian(sum.noise, epsilon);
  const at = Math.max(0, epsilon - LOSS_ROUNDING * sum.total);
  // Tails are told as far as they matter beside delta, which shows only afterwards.
  let beside = FIRST_DELTA;
  for (let turn = 0; ; turn += 1) {
    const laws = lawsOf(sum, neighbouring, beside);
    const most = Math.min(1, distanceOf(sum, laws));
    if (!areTold(laws)) return most;
    const { plans, directions } = composed(event, laws, sum.counts, { epsilon: at }, grid);
    const deltas = directions.map((parts, index) => deltaOfSum(parts, plans[index] as Plan, at));
    const delta = Math.min(most, Math.max(...deltas));
    if (delta >= TAIL_MATTERS * beside || turn === LOOKS) return delta;
    beside = Math.max(LEAST_DELTA, TAIL_MATTERS * delta);
  }
}

interface Summands {
  readonly leaves: readonly Leaf[];
  /** Of the leaves, then 1 for Gaussian mechanisms together, where there are any. */
  readonly counts: readonly number[];
  readonly total: number;
  /** The multiplier of all Gaussian mechanisms together; Infinity: there are none. */
  readonly noise: number;
}

function summandsOf(event: DpEvent): Summands {
  const leaves = new Map<string, { readonly leaf: Leaf; count: number }>();
  let precision = 0;
  const collect = (node: DpEvent, count: number): void => {
    if (node.type === 'repeat') collect(node.event, count * node.count);
    else if (node.type === 'compose') for (const one of node.events) collect(one, count);
    // Gaussian mechanisms are one with the sum of their precisions.
    else if (node.type === 'gaussian') precision += count / node.noiseMultiplier ** 2;
    else {
      const key = JSON.stringify(node);
      const known = leaves.get(key);
      if (known) known.count += count;
      else leaves.set(key, { leaf: node, count });
    }
  };
  collect(event, 1);
  if (leaves.size > MAX_KINDS) throw unsupported(event, `more than ${MAX_KINDS} kinds of events`);
  const counts = [...leaves.values()].map(({ count }) => count);
  if (precision > 0) counts.push(1);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!Number.isSafeInteger(total)) throw unsupported(event, 'more events than can be counted');
  return {
    leaves: [...leaves.values()].map(({ leaf }) => leaf),
    ...{ counts, total, noise: 1 / Math.sqrt(precision) },
  };
}

/** @param beside delta, of which tails take a share that does not matter */
function lawsOf({ leaves, total, noise }: Summands, neighbouring: Neighbouring, beside: number): LossLaw[] {
  const tail = Math.max(1e-300, (TAIL_SHARE * beside) / total);
  const laws = leaves.map((leaf) => lawOf(leaf, neighbouring, tail));
  if (noise < Infinity) laws.push(noiseLaw({ type: 'gaussian', noiseMultiplier: noise }, tail));
  return laws;
}

/** Deltas at epsilon 0 add up. */
function distanceOf({ counts }: Summands, laws: readonly LossLaw[]): number {
  return laws.reduce((sum, law, at) => sum + (counts[at] as number) * distanceOfLaw(law), 0);
}

/** Whether no single loss is so large that it is not told. */
function areTold(laws: readonly LossLaw[]): boolean {
  return laws.every(({ to, atoms }) => to <= MAX_LOSS && atoms.every(({ loss }) => loss <= MAX_LOSS));
}

interface Composed {
  /** By direction. */
  readonly plans: readonly Plan[];
  readonly directions: readonly (readonly Part[])[];
}

/** On one grid, in each direction. */
function composed(
  event: DpEvent,
  laws: readonly LossLaw[],
  counts: readonly number[],
  target: Target,
  grid: number,
): Composed {
  let h = grid;
  for (let turn = 0; turn < 8; turn += 1) {
    const sizes = laws.map((law) => gridSizeOf(law, h));
    const points = Math.max(...sizes);
    const tooMany = Math.max(
      points / MAX_POINTS,
      sizes.reduce((sum, size) => sum + size, 0) / MAX_ALL_POINTS,
    );
    if (tooMany > 1) {
      h *= 2 ** Math.ceil(Math.log2(tooMany) + 0.01);
      continue;
    }
    const grids = laws.map((law) => connectTheDots(law, h));
    const isOneWay = grids.every((both) => both.length === 1);
    const directions = (isOneWay ? [0] : [0, 1]).map((direction) =>
      grids.map(
        (both, at): Part => ({ grid: (both[direction] ?? both[0]) as GridLoss, count: counts[at] as number }),
      ),
    );
    const plans = directions.map((parts) => planOf(parts, target));
    const window = Math.max(...plans.map(({ from, to }) => to - from + 1));
    if (!(window >= 1)) throw unsupported(event, 'its losses have no common grid');
    if (window > MAX_POINTS) {
      h *= 2 ** Math.ceil(Math.log2(window / MAX_POINTS) + 0.01);
      continue;
    }
    const finer = finerGrid(plans, counts, h);
    if (finer < h && turn < 3 && (Math.max(window, points) * h) / finer < MAX_POINTS) {
      h = finer;
      continue;
    }
    return { plans, directions };
  }
  throw unsupported(event, 'its losses have no grid');
}

/**
 * Each loss gains a variance of about h^2/6, which epsilon pays with theta/2. A direction that is far below the other one may
 * pay more: the larger one counts.
 */
function finerGrid(plans: readonly Plan[], counts: readonly number[], h: number): number {
  const total = counts.reduce((sum, count) => sum + (count > 1 || counts.length > 1 ? count : 0), 0);
  const largest = Math.max(...plans.map(({ about }) => about));
  let excess = 1;
  for (const { theta, about } of plans) {
    const cost = (theta * total * h * h) / 12;
    if (about + cost < FAR_BELOW * largest) continue;
    excess = Math.max(excess, cost / (GRID_COST * Math.max(about, 0.01)));
  }
  return excess > 1 ? h / 2 ** Math.ceil(Math.log2(excess) / 2) : h;
}

function lawOf(leaf: Leaf, neighbouring: Neighbouring, tail: number): LossLaw {
  switch (leaf.type) {
    case 'gaussian':
    case 'laplace':
    case 'discreteLaplace':
    case 'discreteGaussian':
      return noiseLaw(leaf, tail);
    case 'epsilonDelta':
      return lossOfEpsilonDelta(leaf.epsilon, leaf.delta);
    case 'exponential':
      return lossOfExponential(leaf.epsilon);
    case 'randomizedResponse':
      if (neighbouring !== 'replace-one')
        throw unsupported(leaf, `only known for replace-one, not for ${neighbouring}`);
      return lossOfRandomizedResponse(leaf.noiseParameter, leaf.numBuckets);
    case 'poisson':
      if (neighbouring === 'replace-one')
        throw unsupported(leaf, 'not known for replace-one, but for adding, removing or zeroing');
      return lossOfPoisson(sampledLaw(leaf, tail), leaf.q);
    case 'fixedSize':
      if (neighbouring !== 'replace-one')
        throw unsupported(leaf, `only known for replace-one, not for ${neighbouring}`);
      return lossOfFixedSize(sampledLaw(leaf, tail), leaf.sampleSize / leaf.populationSize);
    case 'truncatedPoissonGaussian':
      if (neighbouring !== 'add-or-remove-one')
        throw unsupported(leaf, `only known for add-or-remove-one, not for ${neighbouring}`);
      return lossOfTruncatedPoisson(leaf, tail);
    case 'distributedDiscreteGaussian':
    case 'distributedSkellam':
      throw unsupported(leaf, 'sums of shares of noise have no dominating pair that is known');
    case 'treeAggregation':
      throw unsupported(leaf, 'no dominating pair of it is known here');
    default:
      leaf satisfies never;
      throw new Error('unreachable');
  }
}

function noiseLaw(noise: Parameters<typeof lossOfNoise>[0], tail: number): LossLaw {
  const law = lossOfNoise(noise, tail);
  if (law) return law;
  throw unsupported(noise, 'its noise has more values than can be told one by one');
}

function sampledLaw({ event }: Extract<Leaf, { type: 'poisson' | 'fixedSize' }>, tail: number): LossLaw {
  if (isSymmetricNoise(event)) return noiseLaw(event, tail);
  throw unsupported(event, `amplification of ${event.type} by sampling is not known`);
}

/** The total variation between P and Q, delta at epsilon 0. */
function distanceOfLaw({ tailsAt, atoms, lostP, lostQ }: LossLaw): number {
  const heads = new Float64Array(2);
  tailsAt?.(0, heads);
  let distance = (heads[0] as number) - (heads[1] as number) + lostP + lostQ;
  for (const { loss, mass } of atoms) if (loss > 0) distance -= mass * Math.expm1(-loss);
  return distance;
}

function unsupported({ type }: DpEvent, reason: string): HanseError {
  return new HanseError('eventUnsupported', { event: type, accountant: 'pld', reason });
}

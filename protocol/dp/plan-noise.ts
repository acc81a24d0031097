/**
 * Grid, noise and bounds of a job from the epsilon that it may cost. SPEC.md 12.4.
 *
 * The grid is C/g = c sqrt(d): rounding then lengthens an update by 1/(8 c^2) or so, which is the price in epsilon against
 * noise on real numbers (0.07 % for c = 20, 0.9 % for 5, 12 % of the noise for 1). The finest c up to 20 is taken whose noise
 * the sampler has a table for.
 */
import type { AdaptiveClipping, Codec } from '../../schemas/codec.ts';
import {
  CENTRAL_SIGMA_MAX,
  type CentralNoise,
  type Noise,
  SIGMA_LEAST,
  SIGMA_MAX,
} from '../../schemas/privacy.ts';
import { HanseError } from '../problem.ts';
import { FAST_WIDTHS, noiseReach } from '../ring/width.ts';
import { splitNoise } from './adaptive-clip.ts';
import { leastEnough } from './bisection.ts';
import { centralReach, isCentral } from './central-noise.ts';
import { epsilonOfRounds, type Mechanics, sensitivityOf } from './job-privacy.ts';

/** Of participants, by its law; or of a coordinator that is trusted. */
export type PlannedLaw = Noise['type'] | LawOfCoordinator;

/** @property treeRounds absent: drawn afresh in each round */
export type LawOfCoordinator = { readonly type: 'gaussian'; readonly treeRounds?: number };

/** What noise and grid of a job follow from. */
export interface NoisePlan {
  readonly noise: PlannedLaw;
  /** C > 0. */
  readonly clipNorm: number;
  /** d. */
  readonly parameters: number;
  /** The most updates in a sum. */
  readonly cohortMax: number;
  /** uMin - cMax, at least 1; 1 where the coordinator adds the noise. */
  readonly parties: number;
  readonly rounds: number;
  readonly weightMax: number;
  readonly batchSize: number;
  /** How the clip norm follows the lengths of updates; absent: it does not. Of participants that add noise alone. */
  readonly adaptive?: Pick<AdaptiveClipping, 'quantile' | 'rate'>;
  /** q of lots; absent: the unit is the participant. */
  readonly rate?: number;
  readonly delta: number;
  /** What all rounds together may cost. */
  readonly epsilon: number;
}

/** Noise and grid that were found. */
export interface PlannedNoise {
  readonly codec: Codec;
  /** Where the coordinator adds it; the codec then has none. */
  readonly central?: CentralNoise;
  /** Of all rounds, at most what was asked. */
  readonly epsilon: number;
}

/** c: the finest grid that is worth its bits, and the coarsest that is worth its noise. */
const FINEST = 20;
const COARSEST = 1;
const TOLERANCE = 1e-6;
/** A coordinate of a lot's sum has room for so many gradients that all point along it. */
const ROOM_OF_LOT = 8;

/**
 * @throws `budgetUnreachable` if no noise is enough, `noiseTableTooLarge` if what is enough has no table, `ringOverflow` if no
 *   width holds the sum
 */
export function planNoise(plan: NoisePlan): PlannedNoise {
  // Epsilon depends on the noise over the sensitivity alone: found once, on the finest grid, where the table has no say.
  const fine = mechanicsOf(plan, FINEST * Math.sqrt(plan.parameters));
  return placeNoise(plan, leastMultiplier(plan, fine));
}

/**
 * The same for noise that was decided on, whatever it costs.
 * @param multiplier of all noise that is counted on, over the sensitivity
 * @throws `noiseTooSmall` for none or less; `noiseTableTooLarge` and `ringOverflow` as above
 */
export function placeNoise(plan: Omit<NoisePlan, 'epsilon'>, multiplier: number): PlannedNoise {
  if (!(multiplier > 0)) throw new HanseError('noiseTooSmall', { sigma: multiplier, least: SIGMA_LEAST });
  const { parameters, parties } = plan;
  const levelsOf = (c: number) => c * Math.sqrt(parameters);
  const mechanicsAt = (c: number) => withBit(plan, mechanicsOf(plan, levelsOf(c)), multiplier);
  const sigmaAt = (c: number) => (multiplier * sensitivityOf(mechanicsAt(c))) / Math.sqrt(parties);
  const most = typeof plan.noise === 'string' ? SIGMA_MAX : CENTRAL_SIGMA_MAX;
  let c = FINEST;
  while (sigmaAt(c) < SIGMA_LEAST) c *= 2;
  while (sigmaAt(c) > most && c > COARSEST) c = Math.max(COARSEST, c * 0.98);
  const sigma = sigmaAt(c);
  if (sigma > most) throw new HanseError('noiseTableTooLarge', { sigma, most });
  const noise = lawOf(plan.noise, sigma);
  const codec = codecOf(plan, levelsOf(c), noise, mechanicsAt(c).codec.adaptive);
  const epsilon = epsilonOfRounds({ ...mechanicsOf(plan, levelsOf(c)), codec }, noise, plan);
  return { codec, epsilon, ...(isCentral(noise) && { central: noise }) };
}

/**
 * With a bit, where clipping is adaptive, whose count has a noise of a twentieth of the cohort (Andrew et al. 2021); more where
 * the vector would have too little, and less where the bit would have no step of the grid.
 */
function withBit(
  { adaptive, cohortMax }: Omit<NoisePlan, 'epsilon'>,
  mechanics: Mechanics,
  multiplier: number,
): Mechanics {
  if (!adaptive) return mechanics;
  const sensitivity = sensitivityOf(mechanics);
  const most = (multiplier / 2) * Math.hypot(1, sensitivity) * (1 - 1e-9);
  const bitSigma = Math.min(most, Math.max(cohortMax / 20, multiplier));
  const { bitScale } = splitNoise(multiplier, sensitivity, bitSigma);
  return { ...mechanics, codec: { ...mechanics.codec, adaptive: { ...adaptive, bitScale } } };
}

function lawOf(law: PlannedLaw, sigma: number): Noise | CentralNoise {
  if (typeof law === 'string') return { type: law, sigma };
  const { treeRounds } = law;
  return treeRounds === undefined
    ? { type: 'gaussian', sigma }
    : { type: 'gaussianTree', sigma, rounds: treeRounds };
}

function leastMultiplier(plan: NoisePlan, mechanics: Mechanics): number {
  const unit = sensitivityOf(mechanics) / Math.sqrt(mechanics.parties);
  const epsilonAt = (multiplier: number) =>
    epsilonOfRounds(mechanics, lawOf(plan.noise, multiplier * unit), plan);
  if (!(epsilonAt(2 ** 20) <= plan.epsilon))
    throw new HanseError('budgetUnreachable', { targetEpsilon: plan.epsilon, delta: plan.delta });
  return leastEnough((multiplier) => epsilonAt(multiplier) <= plan.epsilon, 1, TOLERANCE);
}

/** @param levels C/g */
function mechanicsOf(plan: Omit<NoisePlan, 'epsilon'>, levels: number): Mechanics {
  const { clipNorm, rate, parameters, batchSize, parties, weightMax } = plan;
  const lot = rate !== undefined && { lot: { rate, bound: 1 } };
  return {
    codec: { clipNorm, grid: clipNorm / levels, weightMax, ...lot },
    parameters,
    batchSize,
    parties,
  };
}

/** The narrowest of the fast widths in which the sum of all updates with their noise has room. */
function codecOf(
  plan: Omit<NoisePlan, 'epsilon'>,
  levels: number,
  noise: Noise | CentralNoise,
  adaptive: Codec['adaptive'],
): Codec {
  const { clipNorm, cohortMax, weightMax, rate } = plan;
  const wanted = rate === undefined ? Math.floor(levels) + 1 : Math.ceil(ROOM_OF_LOT * levels);
  const [own, shared] = isCentral(noise) ? [0, centralReach(noise)] : [noiseReach(noise), 0];
  const roomIn = (width: number) => Math.floor((2 ** (width - 1) - 1 - shared) / cohortMax) - own - 1;
  const width = FAST_WIDTHS.find((bits) => roomIn(bits) >= wanted);
  if (width === undefined)
    throw new HanseError('ringOverflow', {
      worstCase: `${cohortMax} updates with coordinates up to ${wanted + own}, and noise up to ${shared}`,
      bits: 32,
    });
  return {
    version: 1,
    clipNorm,
    width,
    grid: clipNorm / levels,
    weightMax,
    counters: adaptive ? 1 : 0,
    ...(adaptive && { adaptive }),
    ...(!isCentral(noise) && { noise }),
    ...(rate !== undefined && { lot: { rate, bound: roomIn(width) } }),
  };
}

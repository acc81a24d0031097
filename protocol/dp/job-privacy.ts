/**
 * What a job promises, as events that accountants interpret: the one place where a manifest becomes a claim. SPEC.md 12.3.
 *
 * A manifest pins mechanics (clipping, grid, noise, rate of the lots) and states epsilons; whoever takes part computes them
 * anew here and believes none. Adjacency: the contribution of one unit is zeroed, and the number of units is public.
 *
 *   parties = uMin - cMax: survivors on whose noise a sum can count, at least, where it is secure; 1 where it is not, since
 *             then each update must protect itself; 1 where a trusted coordinator adds the noise
 *   D       = the L2 sensitivity of the sum in steps of the grid, after rounding: SPEC.md 12.4; Kairouz, Liu, Steinke 2021,
 *             proposition 26
 */
import type { Codec } from '../../schemas/codec.ts';
import type { DpEvent, Neighbouring } from '../../schemas/dp-event.ts';
import type { PrivacyUnit, StatisticManifest, TrainingManifest } from '../../schemas/job.ts';
import type { CentralNoise, Noise } from '../../schemas/privacy.ts';
import { roundedNormSquared } from '../ring/quantize.ts';
import type { SecureTerms } from '../secagg/descriptor.ts';
import { countedParties } from './counted-parties.ts';
import { rdpCurve, rdpEpsilon } from './rdp-accountant.ts';
import { epsilonOfCurve } from './rdp-curve.ts';
import { roundedNorm } from './rdp-distributed.ts';
import { planOfStatistic } from './statistics/statistic-job.ts';

/** The promise of a job: to whom, and by which events it is charged. */
export interface JobPrivacy {
  readonly unit: Exclude<PrivacyUnit, 'none'>;
  readonly neighbouring: Neighbouring;
  /** Whether figures hold against the coordinator too, or against everybody else alone. */
  readonly isCentral: boolean;
  /** One attempt at one round, against the coordinator, unless it is trusted, and whoever takes part in it. */
  readonly round: DpEvent;
  /** How often a unit is in it at most: the rounds of the job, or its trees. */
  readonly times: number;
  /** All of them, against the same. */
  readonly total: DpEvent;
  readonly delta: number;
  /** Standard deviation of the noise that a sum can count on, over its sensitivity. */
  readonly noiseMultiplier: number;
  /** Survivors on whose noise it counts. */
  readonly parties: number;
}

/** What decides on the sensitivity and the noise of a sum. */
export interface Mechanics {
  readonly codec: Pick<Codec, 'clipNorm' | 'grid' | 'weightMax' | 'noise' | 'lot' | 'adaptive'>;
  /** d. */
  readonly parameters: number;
  /** B: units whose gradients are added in float32. Ignored without a lot. */
  readonly batchSize: number;
  readonly parties: number;
}

/** Of a round, added to delta: a rounded sum of a lot is longer than D. */
const LONGER = 1e-12;
/** Of a round, added to delta: a lot is larger than what is computed of it, and the round is void. */
export const LARGER_LOT = 1e-12;
/**
 * Of a round, added to delta: what the tables of the noise differ from its law. One draw differs by less than 2^-103, a
 * round has fewer than 2^43 draws, and each counts 1 + e^epsilon times: this holds up to an epsilon of 10.
 * `protocol/dp/table-sampler.ts`.
 */
const TABLE = 1e-13;
/** K: batches whose sums are added in float32 before they are added to others in float64. */
export const BATCHES_IN_FLOAT32 = 8;
/** Unit round-off of float32. */
const ROUND_OFF = 2 ** -24;
/** For all roundings in float64, and for the 32 bits by which coordinates are rounded. */
const FURTHER = 1e-9;

/** The parts of delta that every round costs beside the accountant's; the first two with a lot alone. */
export const DELTA_OF_PARTS = { largerLot: LARGER_LOT, longerSum: LONGER, tables: TABLE } as const;

/** What a promise follows from. */
export type PromisingTerms = SecureTerms &
  Pick<
    TrainingManifest,
    'privacyUnit' | 'privacy' | 'aggregation' | 'codec' | 'parameters' | 'weighting' | 'rounds'
  > & {
    readonly training: Pick<TrainingManifest['training'], 'batchSize'>;
  };

/** Undefined for a job that promises nothing. The manifest is to have passed `checkPrivacy`. */
export function jobPrivacy(manifest: PromisingTerms | StatisticManifest): JobPrivacy | undefined {
  return 'kind' in manifest ? privacyOfStatistic(manifest) : privacyOfTraining(manifest);
}

/** A person whose rows have no value counts for nothing, as one without rows does: SPEC.md 12.7. */
function privacyOfStatistic(manifest: StatisticManifest): JobPrivacy | undefined {
  const { privacyUnit: unit, privacy } = manifest;
  if (unit === 'none' || !privacy) return undefined;
  const { event, norm, sigma, owners } = planOfStatistic(manifest, privacy.delta);
  return {
    ...{ unit, neighbouring: 'replace-special', isCentral: false },
    ...{ round: event, times: 1, total: event, delta: privacy.delta },
    noiseMultiplier: (sigma * Math.sqrt(owners.honest)) / norm,
    parties: owners.honest,
  };
}

function privacyOfTraining(manifest: PromisingTerms): JobPrivacy | undefined {
  const { privacyUnit: unit, privacy, codec, parameters, training, rounds } = manifest;
  const central = privacy?.centralNoise;
  const noise = central ?? codec.noise;
  if (unit === 'none' || !privacy || !noise) return undefined;
  const mechanics = {
    codec,
    parameters,
    batchSize: training.batchSize,
    parties: central ? 1 : countedParties(manifest),
  };
  const round = roundEvent(mechanics, noise);
  const times = timesOf(noise, rounds);
  return {
    unit,
    neighbouring: 'replace-special',
    isCentral: central !== undefined,
    round,
    times,
    total: { type: 'repeat', count: times, event: round },
    delta: privacy.delta,
    noiseMultiplier: noiseMultiplierOf(mechanics, noise),
    parties: mechanics.parties,
  };
}

/** How often a unit is in the event of a round: `roundEvent`. */
export function timesOf(noise: Noise | CentralNoise, rounds: number): number {
  return noise.type === 'gaussianTree' ? Math.ceil(rounds / noise.rounds) : rounds;
}

/**
 * D: the most by which one unit moves the rounded sum, in steps of the grid, but for a probability of 1e-12; where clipping is
 * adaptive, the sum and the counter together.
 */
export function sensitivityOf({ codec, parameters, batchSize }: Omit<Mechanics, 'parties'>): number {
  if (!codec.lot) {
    const vector = Math.sqrt(roundedNormSquared(codec.clipNorm / codec.grid, parameters));
    // C_t/g_t is C/g but for roundings.
    return codec.adaptive ? Math.hypot(vector * (1 + FURTHER), codec.adaptive.bitScale) : vector;
  }
  return roundedNorm((codec.clipNorm / codec.grid) * (1 + lotSlack(batchSize)), parameters, LONGER);
}

/**
 * By how much more than C a unit moves the sum of a lot that is computed in float32, in proportion. With it and without it,
 * the B gradients of its batch are off by at most gamma_B B C, and the sum of K batches by at most gamma_K K B C; those
 * sums are added in float64.
 */
export function lotSlack(batchSize: number): number {
  const run = BATCHES_IN_FLOAT32;
  return 2 * gamma(batchSize) * batchSize + 2 * gamma(run) * run * batchSize + FURTHER;
}

/** How much of the sum of the sizes of so many numbers their sum may be off by. Higham 2002, section 4.2. */
function gamma(terms: number): number {
  return (terms * ROUND_OFF) / (1 - terms * ROUND_OFF);
}

/** Standard deviation of all noise that is counted on, over the sensitivity. */
export function noiseMultiplierOf(
  mechanics: Mechanics,
  { sigma }: Pick<Noise | CentralNoise, 'sigma'>,
): number {
  return (sigma * Math.sqrt(mechanics.parties)) / sensitivityOf(mechanics);
}

/** One round as an event; with a tree, the part that a participant takes in it. */
export function roundEvent(mechanics: Mechanics, noise: Noise | CentralNoise): DpEvent {
  const { lot } = mechanics.codec;
  const sum = sumEvent(mechanics, noise);
  const lost = lot ? LONGER + LARGER_LOT + TABLE : TABLE;
  return {
    type: 'compose',
    events: [
      lot ? { type: 'poisson', q: lot.rate, event: sum } : sum,
      { type: 'epsilonDelta', epsilon: 0, delta: lost },
    ],
  };
}

function sumEvent(mechanics: Mechanics, noise: Noise | CentralNoise): DpEvent {
  const { parameters, parties, codec } = mechanics;
  const dimension = codec.adaptive ? parameters + 1 : parameters;
  switch (noise.type) {
    case 'gaussian':
      return { type: 'gaussian', noiseMultiplier: noiseMultiplierOf(mechanics, noise) };
    case 'gaussianTree':
      return {
        type: 'treeAggregation',
        noiseMultiplier: noiseMultiplierOf(mechanics, noise),
        steps: noise.rounds,
      };
    case 'discreteGaussian':
    case 'skellam': {
      const type = noise.type === 'skellam' ? 'distributedSkellam' : 'distributedDiscreteGaussian';
      return { type, norm: sensitivityOf(mechanics), dimension, sigma: noise.sigma, parties };
    }
    default:
      noise satisfies never;
      throw new Error('unreachable');
  }
}

/** The epsilon of an event under the adjacency of jobs, by the accountant of Renyi divergences, at delta. */
export function epsilonOfJob(event: DpEvent, delta: number): number {
  return rdpEpsilon(event, 'replace-special', delta);
}

/** The epsilon of all rounds of such sums, at delta. */
export function epsilonOfRounds(
  mechanics: Mechanics,
  noise: Noise | CentralNoise,
  { rounds, delta }: { readonly rounds: number; readonly delta: number },
): number {
  const event = roundEvent(mechanics, noise);
  return epsilonOfJob({ type: 'repeat', count: timesOf(noise, rounds), event }, delta);
}

/** What the first rounds of a job cost each unit in them, or the first trees, as a function of how many there were. */
export function costOfRounds({ round, neighbouring, delta }: JobPrivacy): (rounds: number) => number {
  const { orders, divergences, delta: lost } = rdpCurve(round, neighbouring);
  return (rounds) => {
    if (rounds === 0) return 0;
    const sums = divergences.map((divergence) => rounds * divergence);
    return epsilonOfCurve({ orders, divergences: sums, delta: rounds * lost }, delta);
  };
}

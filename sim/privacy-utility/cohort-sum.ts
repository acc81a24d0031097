/**
 * The noised sum of a cohort's updates, by the clipping, rounding, noise, masks and ring of `protocol/`. A simulation of
 * hundreds of thousands of updates leaves out what does not change the sum: signatures, shares and letters, and the agreement
 * on the seeds of masks, which are drawn in its place.
 */
import { primitives } from '#primitives';
import { clipFraction, type SplitNoise } from '../../protocol/dp/adaptive-clip.ts';
import { noiseSampler } from '../../protocol/dp/noise-sampler.ts';
import { roundedGaussianSampler } from '../../protocol/dp/rounded-gaussian.ts';
import { type RandomSource, randomBytes } from '../../protocol/random.ts';
import { l2Norm } from '../../protocol/ring/clip.ts';
import { layoutOf } from '../../protocol/ring/payload.ts';
import { openIntegers, RingSum } from '../../protocol/ring/sum.ts';
import { packIntegers, type UpdateIntegers, updateIntegers } from '../../protocol/ring/update.ts';
import { checkCodec } from '../../protocol/ring/width.ts';
import { addMasks, type Mask, type MaskMaker, without } from '../../protocol/secagg/mask.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { Noise } from '../../schemas/privacy.ts';
import { levelsOfCohort } from './cohort-calibration.ts';

export interface SumPlan {
  /** d of an update, without its clip bit. */
  readonly dimension: number;
  /** Standard deviation of all noise of a sum, in steps of the grid, if those on whose noise it counts were all; 0: none. */
  readonly sigma: number;
  /** Share of the cohort on whose noise it counts, (uMin - cMax) / n; undefined where the coordinator adds the noise. */
  readonly counted?: { readonly share: number; readonly law: Noise['type'] };
  /** How updates tell whether they were clipped; absent: they do not. */
  readonly bit?: SplitNoise;
  /** Rounding, noise and masks. */
  readonly random: RandomSource;
}

export interface CohortSum {
  /** [d], of the clipped updates and the noise. */
  readonly sum: Float64Array;
  /** Noised count of the updates that were not clipped, over `expected`; undefined without clip bits. */
  readonly fraction: number | undefined;
}

/** Sums of integers up to 2^23: of 200 updates with all of their noise. */
const WIDTH = 24;
const KEY_STREAM = 'aes-256-ctr';
/** Each update has masks with so many that come behind it in a circle, and so many before it, or fewer in a small cohort. */
const NEIGHBOURS = 8;

/**
 * @param deltas   [d] of each participant; not modified
 * @param clipNorm C of this round
 * @param expected q N, by which the count of clip bits is divided
 */
export async function sumCohort(
  deltas: readonly Float32Array[],
  clipNorm: number,
  expected: number,
  plan: SumPlan,
): Promise<CohortSum> {
  const { dimension, bit } = plan;
  const codec = codecOf(plan, clipNorm);
  const length = dimension + (bit ? 1 : 0);
  const rounded = deltas.map((delta) => roundedUpdate(delta, codec, length, plan));
  const total = plan.counted ? await ringSum(rounded, codec, plan) : centralSum(rounded, length, plan);
  return {
    sum: total.subarray(0, dimension).map((steps) => steps * codec.grid),
    fraction: bit && clipFraction(total[dimension] as number, bit.bitScale, expected),
  };
}

function codecOf({ dimension }: SumPlan, clipNorm: number): Codec {
  const grid = clipNorm / levelsOfCohort(dimension);
  return { version: 1, clipNorm, width: WIDTH, grid, weightMax: 1, counters: 0 };
}

function roundedUpdate(
  delta: Float32Array,
  codec: Codec,
  length: number,
  { bit, random }: SumPlan,
): UpdateIntegers {
  const coordinates = new Int32Array(length);
  const contribution = { delta, weight: 1, counters: [] };
  const { secondBlock } = updateIntegers(contribution, codec, random, coordinates.subarray(0, delta.length));
  const isWhole = l2Norm(delta) <= codec.clipNorm;
  if (bit) coordinates[delta.length] = isWhole ? bit.bitScale : -bit.bitScale;
  return { coordinates, secondBlock };
}

/** In steps of the grid. */
function centralSum(updates: readonly UpdateIntegers[], length: number, { sigma, random }: SumPlan) {
  const total = new Float64Array(length);
  for (const { coordinates } of updates)
    for (let i = 0; i < length; i += 1) total[i] = (total[i] as number) + (coordinates[i] as number);
  if (sigma > 0) roundedGaussianSampler(sigma, random).addTo(total);
  return total;
}

/** In steps of the grid: each update has its share of noise, masks with its neighbours and one of its own. */
async function ringSum(updates: readonly UpdateIntegers[], codec: Codec, plan: SumPlan) {
  const { sigma, counted, random } = plan;
  const count = updates.length;
  const length = updates[0]?.coordinates.length ?? plan.dimension;
  if (count === 0) return new Float64Array(length);
  const { share, law } = counted ?? { share: 1, law: 'discreteGaussian' };
  const noise: Noise = { type: law, sigma: sigma / Math.sqrt(Math.max(1, Math.floor(share * count))) };
  checkCodec({ ...codec, noise }, count);
  const sampler = noiseSampler(noise, random);
  const maker: MaskMaker = { primitives, keyStream: KEY_STREAM, layout: layoutOf(codec, length) };
  const ring = new RingSum(codec, length);
  const masks: Mask[][] = updates.map(() => [{ seed: randomBytes(random, 32), sign: 1 }]);
  for (let i = 0; i < count; i += 1)
    for (let apart = 1; apart <= Math.min(NEIGHBOURS, Math.floor((count - 1) / 2)); apart += 1) {
      const mask: Mask = { seed: randomBytes(random, 32), sign: 1 };
      masks[i]?.push(mask);
      masks[(i + apart) % count]?.push(without(mask));
    }
  for (const [index, update] of updates.entries()) {
    sampler.addTo(update.coordinates);
    await addMasks(update, masks[index] ?? [], maker);
    ring.add(packIntegers(update, codec));
  }
  // What survivors reveal of one another: the masks of their own.
  const own = masks.flatMap(([first]) => (first ? [without(first)] : []));
  await addMasks(ring.integers, own, maker);
  const { mean, totalWeight } = openIntegers(ring.integers, codec, count);
  return mean.map((steps) => Math.round((steps * totalWeight) / codec.grid));
}

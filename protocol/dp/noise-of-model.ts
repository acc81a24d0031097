/**
 * What the noise of a promise does to a model: its length against that of the updates which it hides. SPEC.md 12.9.
 *
 *   noise of a step = s g sqrt(d) / units,   the mean update <= C
 *   drift           = noise sqrt(m) / (C T)
 *
 * with s the deviation of the noise of a sum, sigma sqrt(n) where each of its n updates has a share, and the sum holding
 * `units` together: q (units of all n) of a lot, else n. After T rounds the noise has gone sqrt(m) of its steps, m = T unless
 * it is that of a tree, whose nodes take each other away; and no way of the model is longer than T C. From a drift of 1 on, noise alone is longer than all that the data can have said, and
 * nothing is learnt; below 0.1 it has cost a few points of accuracy.
 */
import type { Codec } from '../../schemas/codec.ts';

export interface NoiseOfModel {
  /** The expected length of the noise of one mean update, in units of the parameters. */
  readonly noise: number;
  /** C, which no mean update is longer than. */
  readonly signal: number;
  readonly drift: number;
}

export interface NoisySum {
  /** C and g. */
  readonly codec: Pick<Codec, 'clipNorm' | 'grid'>;
  /** Of a coordinate of the sum with all noise in it, in steps of the grid: `deviationOfSum`. */
  readonly deviation: number;
  /** d. */
  readonly parameters: number;
  /** Expected in the sum of a round: what it is divided by. */
  readonly units: number;
  readonly rounds: number;
  /** Independent draws of noise that the sums of these rounds carry together, see `drawsOfRounds`; of each round its own unless said. */
  readonly draws?: number;
}

/** From here on a model learns nothing. */
export const DRIFT_MOST = 1;
/** From here on it learns markedly less. */
export const DRIFT_NOTABLE = 0.1;

export function noiseOfModel(sum: NoisySum): NoiseOfModel {
  const { codec, deviation, parameters, units, rounds, draws = rounds } = sum;
  const { clipNorm, grid } = codec;
  const length = (deviation * grid * Math.sqrt(parameters)) / units;
  return { noise: length, signal: clipNorm, drift: (length * Math.sqrt(draws)) / (clipNorm * rounds) };
}

/**
 * Updates in a round with which a drift is no more than it may be, as long as the same share of them is counted on: drift
 * falls as one over their number.
 * @param updates n, of a round that has this drift
 */
export function usefulCohort(updates: number, { drift }: Pick<NoiseOfModel, 'drift'>): number {
  return Math.ceil((updates * drift) / DRIFT_MOST);
}

/**
 * DP-FedAvg over Poisson cohorts of many small participants: McMahan, Ramage, Talwar, Zhang, ICLR 2018, with momentum of the
 * coordinator, and the mean of the last models as the released one. SPEC.md 12.10.
 */
import { primitives } from '#primitives';
import { nativeSeededRandom } from '../../client/native-key-stream.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { type AdaptiveClip, nextClipNorm, splitNoise } from '../../protocol/dp/adaptive-clip.ts';
import { RandomNumbers } from '../../protocol/random.ts';
import { partitionIid } from '../partition/iid.ts';
import { sensitivityOfCohort } from './cohort-calibration.ts';
import { sumCohort } from './cohort-sum.ts';
import { accuracyOf, CLASSES, type LocalSteps, trainLocally } from './softmax-regression.ts';
import type { UnitImages } from './unit-images.ts';

export interface ParticipantTraining {
  readonly participants: number;
  /** q. */
  readonly rate: number;
  readonly rounds: number;
  readonly local: LocalSteps;
  /** C, or how it is found. */
  readonly clip: number | (AdaptiveClip & { readonly bitSigma: number });
  readonly serverLearningRate: number;
  readonly momentum: number;
  /** Share of the rounds, at the end, whose models are averaged. */
  readonly averaged: number;
  /** Of the event; 0: no noise. */
  readonly multiplier: number;
  readonly counted?: NonNullable<Parameters<typeof sumCohort>[3]['counted']>;
  readonly seed: string;
}

export interface TrainedCohorts {
  readonly accuracy: number;
  /** C of every round. */
  readonly clipNorms: readonly number[];
}

/** Coordinates of a model. */
export function dimensionOf({ inputs }: Pick<UnitImages, 'inputs'>): number {
  return inputs * CLASSES;
}

/** @param test what the released model is measured on: never used before that */
export async function trainCohorts(
  training: ParticipantTraining,
  data: UnitImages,
  test: UnitImages,
): Promise<TrainedCohorts> {
  const { participants, rate, rounds, clip, multiplier, seed } = training;
  const source = async (label: string) =>
    nativeSeededRandom(await primitives.sha256(utf8(`HANSE cohorts\0${seed}\0${label}`)));
  const parts = partitionIid(data.labels, participants, new RandomNumbers(await source('partition')));
  const coins = new RandomNumbers(await source('cohorts'));
  const random = await source('rounding and noise');
  const dimension = dimensionOf(data);
  const isAdaptive = typeof clip !== 'number';
  const sensitivity = sensitivityOfCohort(dimension);
  const bit = isAdaptive ? splitNoise(multiplier, sensitivity, clip.bitSigma) : undefined;
  const plan = {
    ...{ dimension, random, sigma: multiplier * (bit?.norm ?? sensitivity) },
    ...(training.counted && { counted: training.counted }),
    ...(bit && { bit }),
  };
  const expected = rate * participants;
  const model = new Float64Array(dimension);
  const velocity = new Float64Array(dimension);
  const released = new Float64Array(dimension);
  const firstAveraged = rounds - Math.max(1, Math.round(training.averaged * rounds));
  const clipNorms: number[] = [];
  let clipNorm = isAdaptive ? clip.initial : clip;
  for (let round = 0; round < rounds; round += 1) {
    clipNorms.push(clipNorm);
    const cohort = parts.filter(() => coins.unit() < rate);
    const deltas = cohort.map((rows) => {
      const delta = new Float32Array(dimension);
      trainLocally(model, data, rows, training.local, delta);
      return delta;
    });
    const { sum, fraction } = await sumCohort(deltas, clipNorm, expected, plan);
    for (let i = 0; i < dimension; i += 1) {
      velocity[i] = training.momentum * (velocity[i] as number) + (sum[i] as number) / expected;
      model[i] = (model[i] as number) + training.serverLearningRate * (velocity[i] as number);
      if (round >= firstAveraged)
        released[i] = (released[i] as number) + (model[i] as number) / (rounds - firstAveraged);
    }
    if (isAdaptive && fraction !== undefined) clipNorm = nextClipNorm(clipNorm, fraction, clip);
  }
  return { accuracy: accuracyOf(released, test), clipNorms };
}

/**
 * What a participant computes in a round, whichever kind of round it is: a training of some steps, whose result is the
 * difference of the models, or the sum of the gradients of a lot.
 */
import { learningRateOf } from '../../protocol/learning-rate.ts';
import type { RandomSource } from '../../protocol/random.ts';
import { isStatistic, type JobManifest } from '../../schemas/job.ts';
import type { TrainingExamples } from './batch-buffer.ts';
import type { LotTrainer } from './lot-trainer.ts';
import type { Trainer, TrainingProgress } from './trainer.ts';

/** Made for the job by `prepareTraining`. */
export type LocalTrainer = Pick<Trainer, 'train'> | Pick<LotTrainer, 'sum'>;

export interface LocalRound {
  readonly manifest: JobManifest;
  readonly round: number;
  /** [d] the model of the round; not modified. */
  readonly model: Float32Array;
  readonly examples: TrainingExamples;
  readonly random: RandomSource;
  readonly signal: AbortSignal;
  /** Gives memory for the difference, as many bytes as it is asked for. */
  take(bytes: number): ArrayBuffer;
}

export interface Learnt {
  /** [d], the direction in which the model is to go: `Contribution`. */
  readonly delta: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  /** Mean loss of the first and the last batch. They stay on the node. */
  readonly lossFirst: number;
  readonly lossLast: number;
  readonly steps: number;
}

/** @throws what the trainer throws; TypeError for a trainer that was made for another job */
export async function learn(trainer: LocalTrainer, round: LocalRound): Promise<Learnt> {
  const { manifest, model, examples, random, signal } = round;
  const { codec, rounds } = manifest;
  if (codec.lot) {
    if (!('sum' in trainer)) throw new TypeError('a trainer of steps, and the job has lots');
    const { rate } = codec.lot;
    const { clipNorm } = codec;
    const { sum, losses, steps } = await trainer.sum({
      ...{ parameters: model, examples, rate, clipNorm, random, signal },
    });
    return { delta: sum, ...endsOf(losses), steps };
  }
  if (!('train' in trainer) || isStatistic(manifest))
    throw new TypeError('a trainer of lots, and the job has none');
  const { training } = manifest;
  const trained = await trainer.train({
    parameters: model,
    examples,
    epochs: training.epochs,
    ...(training.maxSteps !== undefined && { maxSteps: training.maxSteps }),
    learningRate: (step, steps) => learningRateOf(training, { round: round.round, rounds, step, steps }),
    random,
    signal,
  });
  const delta = new Float32Array(round.take(4 * model.length));
  difference(trained.parameters, model, delta);
  return { delta, ...endsOf(trained.losses), steps: trained.steps };
}

/** What a work in the engine is watched by, from its begin on. */
export interface Watch {
  onProgress(progress: TrainingProgress): void;
  /** Also where the work fails or is given up. */
  ended(): void;
}

/** The same trainer, watched. */
export function watched(trainer: LocalTrainer, begin: () => Watch): LocalTrainer {
  const during = async <Result>(
    work: (onProgress: Watch['onProgress']) => Promise<Result>,
  ): Promise<Result> => {
    const watch = begin();
    try {
      return await work((progress) => watch.onProgress(progress));
    } finally {
      watch.ended();
    }
  };
  return 'sum' in trainer
    ? { sum: (request) => during((onProgress) => trainer.sum({ ...request, onProgress })) }
    : { train: (request) => during((onProgress) => trainer.train({ ...request, onProgress })) };
}

/** The same trainer, which first does this each time, and works only if that succeeds. */
export function preceded(trainer: LocalTrainer, first: () => Promise<void>): LocalTrainer {
  return 'sum' in trainer
    ? {
        sum: async (request) => {
          await first();
          return trainer.sum(request);
        },
      }
    : {
        train: async (request) => {
          await first();
          return trainer.train(request);
        },
      };
}

function endsOf(losses: Float32Array): Pick<Learnt, 'lossFirst' | 'lossLast'> {
  return { lossFirst: losses[0] ?? Number.NaN, lossLast: losses.at(-1) ?? Number.NaN };
}

function difference(after: Float32Array, before: Float32Array, delta: Float32Array): void {
  for (let i = 0; i < delta.length; i += 1) delta[i] = (after[i] as number) - (before[i] as number);
}

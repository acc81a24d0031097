/**
 * What example-level privacy costs on all of MNIST, where one owner has it, and where ten participants have two shards of it
 * each and add their noise under secure aggregation: whole federations of `simulate`. SPEC.md 12.4, 12.10.
 *
 * Chosen on the training images 50,000 to 59,999 while training on the others: features, q, rounds, C, learning rates. What
 * is reported is trained on all 60,000. The 2NN was measured on the test images with a learning rate of 0.6 before: 88.3 % to
 * 88.6 % at all epsilons, as far as 60 short steps go; 3 was then chosen between 2 and 5 on validation.
 */
import type { Examples } from '../../client/data/examples.ts';
import { loadMnist } from '../../client/data/mnist.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { jobPrivacy } from '../../protocol/dp/job-privacy.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { dataWorld } from '../commands/sim.ts';
import { simulate } from '../simulate.ts';
import { ORIENTED_INPUTS, orientedGradients } from './oriented-gradients.ts';
import { trainPooled } from './pooled-training.ts';
import type { UtilityFigure } from './utility-figures.ts';

export const POOLED_SETTINGS = {
  data: 'MNIST, all 60,000 training images of one owner; test: all 10,000 test images',
  model: 'softmax regression on histograms of oriented gradients',
  rate: 0.03,
  rounds: 150,
  clipNorm: 2,
  learningRate: 4,
  momentum: 0.9,
  averaged: 0.3,
  batchSize: 128,
  delta: 1e-5,
  seed: 'pooled',
} as const;

const SHARDS = {
  data: 'mnist',
  participants: 10,
  cohort: 10,
  partition: 'shards',
  loss: 'softmax_ce',
  optimizer: 'sgd',
  lrDecay: 1,
  schedule: 'constant',
  warmup: 0,
  lrFloor: 0,
  epochs: 1,
  strategy: 'fedavgm',
  serverMomentum: 0.9,
  weighting: 'examples',
  unit: 'example',
  noise: 'discreteGaussian',
  delta: 1e-5,
  seed: 'curve',
} as const;

/** By what the participants train. */
export const SHARDS_SETTINGS = {
  '2nn': {
    ...{ ...SHARDS, model: 'mlp:784,200,200,10', features: 'pixels' },
    ...{ lotRate: 0.05, rounds: 60, clipNorm: 0.5, lr: 1, serverLr: 3, batch: 64 },
  },
  oriented: {
    ...{ ...SHARDS, model: `mlp:${ORIENTED_INPUTS},10`, features: 'histograms of oriented gradients' },
    ...{ lotRate: 0.03, rounds: 100, clipNorm: 2, lr: 1, serverLr: 4, batch: 64 },
  },
} as const;

export type ShardsModel = keyof typeof SHARDS_SETTINGS;

interface Watched {
  progress(line: string): void;
  readonly signal: AbortSignal;
}

export async function pooledFigure(epsilon: number, { progress, signal }: Watched): Promise<UtilityFigure> {
  const [examples, test] = [oriented(await loadMnist('train')), oriented(await loadMnist('test'))];
  const forward = mlp([ORIENTED_INPUTS, 10], new RandomNumbers(seededRandom(new Uint8Array(32))));
  const provider = await loadCpuProvider({ threads: 1 });
  const onRound = (round: number) => {
    if (round % 50 === 0) progress(`pooled at ${epsilon}: round ${round}`);
  };
  const training = { ...POOLED_SETTINGS, forward, epsilon, signal, onRound };
  const trained = await trainPooled(training, examples, test, provider);
  return {
    variant: 'pooled',
    accuracies: [trained.accuracy],
    epsilonModel: trained.epsilon,
    epsilonServer: null,
    noiseMultiplier: trained.noiseMultiplier,
    accountant: 'pld',
  };
}

/** A federation of ten. */
export async function shardsFigure(
  model: ShardsModel,
  epsilon: number,
  { progress, signal }: Watched,
): Promise<UtilityFigure> {
  const { features: _, ...settings } = SHARDS_SETTINGS[model];
  let told = 0;
  const world = await dataWorld({ ...settings, epsilon, evaluateEvery: settings.rounds });
  const seen = model === 'oriented' ? oriented : (examples: Examples) => examples;
  const { job } = await simulate({
    ...world,
    participants: world.participants.map(seen),
    ...(world.holdOut && { holdOut: seen(world.holdOut) }),
    provider: await loadCpuProvider({ threads: 1 }),
    seed: settings.seed,
    signal,
    onChange({ rounds }) {
      if (rounds.length >= told + 20) {
        told = rounds.length;
        progress(`${model} at ${epsilon}: round ${told}`);
      }
      return false;
    },
  });
  const { privacy } = job.manifest;
  const promised = jobPrivacy(job.manifest);
  return {
    variant: model,
    accuracies: [job.rounds.at(-1)?.metrics?.accuracy ?? Number.NaN],
    epsilonModel: privacy?.epsilonModel ?? Number.NaN,
    epsilonServer: privacy?.epsilonServer ?? Number.NaN,
    ...(promised && { noiseMultiplier: promised.noiseMultiplier }),
    accountant: 'rdp',
  };
}

function oriented(examples: Examples): Examples {
  const features = orientedGradients(examples.features as Float32Array, examples.count);
  return { ...examples, inputShape: [ORIENTED_INPUTS], features };
}

/**
 * What the demo trains: the 2NN of McMahan et al. (AISTATS 2017) on MNIST, over participants that each see few digits.
 *
 * With differential privacy, unless it is told otherwise: a round is one step of stochastic gradient descent with momentum
 * over secret lots. Without, few local steps a round and momentum on the coordinator's side (Hsu et al. 2019) reach 95 % in
 * about 65 rounds, where plain averaging of long local trainings drifts, for participants have two label shards each.
 */
import { primitives } from '#primitives';
import { type JobPlan, secureAggregationFor } from '../../client/author-job.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { SECURE_LEAST } from '../../protocol/secagg/descriptor.ts';

/** With differential privacy, and without. */
export const PRIVATE_ROUNDS = 40;
export const DEMO_ROUNDS = 80;
/** WebGPU may be made of software, and every round waits for it. */
export const BROWSER_ROUNDS = 30;
export const DEMO_PARTICIPANTS = 10;

/** What the whole demo may cost each image. */
const PROMISE = { unit: 'example', noise: 'discreteGaussian', epsilon: 1, delta: 1e-5, rate: 0.05 } as const;
/**
 * What each participant allows for its images: the promise, what adaptivity costs beyond it, and some attempts at rounds
 * that have to be made again.
 */
export const DEMO_BUDGET = { epsilon: 2 * PROMISE.epsilon, delta: PROMISE.delta } as const;

/** Of the gradient of one image: most are longer, and then all count alike. */
const IMAGE_NORM = 0.5;

/** A round goes on without a fifth of the participants. */
const INDISPENSABLE = 0.8;

/** Updates without which a round of so many is void. */
export function minimumOf(participants: number): number {
  return Math.max(1, Math.ceil(INDISPENSABLE * participants));
}

export interface PlanOptions {
  readonly rounds: number;
  readonly participants: number;
  readonly seed: string;
  /** Participants that are tabs. */
  readonly browser: number;
  readonly isPlain: boolean;
  /** With differential privacy. */
  readonly isPrivate: boolean;
}

type Learning = Pick<JobPlan, 'training' | 'strategy' | 'clipNorm' | 'weighting' | 'weightMax' | 'privacy'>;

const PRIVATE: Learning = {
  training: {
    loss: { type: 'softmax_ce' },
    optimizer: { type: 'sgd' },
    learningRate: 1,
    learningRateDecay: 1,
    batchSize: 64,
    epochs: 1,
  },
  strategy: { type: 'fedavgm', serverLearningRate: 3, momentum: 0.9 },
  clipNorm: IMAGE_NORM,
  weighting: 'examples',
  weightMax: 60_000,
  privacy: PROMISE,
};

const OPEN: Learning = {
  training: {
    loss: { type: 'softmax_ce' },
    optimizer: { type: 'sgd' },
    learningRate: 0.1,
    learningRateDecay: 0.985,
    batchSize: 64,
    epochs: 1,
    maxSteps: 10,
  },
  strategy: { type: 'fedavgm', serverLearningRate: 1, momentum: 0.9 },
  clipNorm: 10,
  weighting: 'uniform',
  weightMax: 1,
};

export async function demoPlan({
  rounds,
  participants,
  seed,
  browser,
  isPlain,
  isPrivate,
}: PlanOptions): Promise<JobPlan> {
  const cohort = { size: participants, minimum: minimumOf(participants) };
  return {
    name: 'demo',
    purpose: 'demonstration: read handwritten digits',
    forward: mlp([784, 200, 200, 10], await demoNumbers(seed, 'model')),
    ...(isPrivate ? PRIVATE : OPEN),
    rounds,
    cohort,
    aggregation:
      isPlain || participants < SECURE_LEAST ? 'plain' : secureAggregationFor(cohort, browser > 0 ? 60 : 10),
    // Where WebGPU is made of software, compiling the shaders of the first round takes longer than all the rest.
    deadlines: { collectSeconds: browser > 0 ? 120 : 10, evaluateSeconds: 10 },
    maxAttempts: 5,
    // Measuring 10,000 images takes about as long as a round: rarely enough to be felt, often enough for a chart.
    evaluateEvery: 5,
    seed,
  };
}

/** The demo's randomness for one use. */
export async function demoNumbers(seed: string, use: string): Promise<RandomNumbers> {
  return new RandomNumbers(seededRandom(await primitives.sha256(utf8(`HANSE demo\0${seed}\0${use}`))));
}

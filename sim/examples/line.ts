/**
 * The smallest federation that learns something: y = 2x from four points over two participants.
 */
import type { JobPlan } from '../../client/author-job.ts';
import type { Examples } from '../../client/data/examples.ts';
import { linear } from '../../client/graph/models/linear.ts';

/** Full-batch gradient descent on the mean squared error; the joint optimum has zero loss, so both sides agree on it. */
export function linePlan(): Omit<JobPlan, 'seed'> {
  return {
    name: 'line',
    purpose: 'example: fit y = 2x',
    forward: linear(1, 1),
    training: {
      loss: { type: 'mse' },
      optimizer: { type: 'sgd' },
      learningRate: 0.05,
      learningRateDecay: 1,
      batchSize: 2,
      epochs: 5,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: 100,
    cohort: { size: 2, minimum: 2 },
    clipNorm: 10,
    weighting: 'examples',
    weightMax: 2,
    deadlines: { collectSeconds: 60, evaluateSeconds: 60 },
    aggregation: 'plain',
    maxAttempts: 1,
    evaluateEvery: 10,
  };
}

/** (1, 2), (2, 4) and (3, 6), (4, 8). */
export function lineParticipants(): Examples[] {
  return [points('line, first half', [1, 2]), points('line, second half', [3, 4])];
}

/** What the model has not seen: f(5) = 10. */
export const LINE_QUESTION = 5;

function points(name: string, xs: readonly number[]): Examples {
  return {
    name,
    count: xs.length,
    inputShape: [1],
    features: Float32Array.from(xs),
    targetShape: [1],
    targets: Float32Array.from(xs, (x) => 2 * x),
  };
}

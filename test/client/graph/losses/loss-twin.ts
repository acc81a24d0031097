/**
 * Losses as textbooks write them, one example and one element after the other, in float64: what the graphs are held to.
 */
import type { Loss } from '../../../../schemas/training.ts';

/** What a loss makes of one example. */
export interface ExampleLoss {
  /** The loss, over the parts of the example where parts count by themselves. */
  readonly loss: number;
  /** What the mean divides by for this example. */
  readonly mass: number;
  readonly right: number;
  readonly counted: number;
}

/** @param output rows of one example: [T][C] for a sequence, [1][C] otherwise */
export function exampleLoss(
  loss: Loss,
  output: readonly (readonly number[])[],
  target: readonly number[],
): ExampleLoss {
  switch (loss.type) {
    case 'softmax_ce':
    case 'sequence_ce':
      return add(output.map((logits, at) => crossEntropy(loss, logits, target[at] ?? Number.NaN)));
    case 'bce_logits': {
      const pairs = pairsOf(output, target);
      const right = mean(pairs.map(([z, y]) => (z > 0 === y > 0.5 ? 1 : 0)));
      const losses = pairs.map(([z, y]) => -y * logSigmoid(z) - (1 - y) * logSigmoid(-z));
      return { loss: mean(losses), mass: 1, right, counted: 1 };
    }
    case 'mse':
      return regression(pairsOf(output, target).map(([o, y]) => (o - y) ** 2));
    case 'mae':
      return regression(pairsOf(output, target).map(([o, y]) => Math.abs(o - y)));
    case 'huber': {
      const { delta } = loss;
      return regression(
        pairsOf(output, target).map(([o, y]) => {
          const error = Math.abs(o - y);
          return error <= delta ? error ** 2 / 2 : delta * (error - delta / 2);
        }),
      );
    }
    default:
      loss satisfies never;
      throw new Error('unreachable');
  }
}

/** One unit: an example, or a token of one. */
function crossEntropy(
  { classWeights, labelSmoothing = 0, ignoreIndex }: Extract<Loss, { type: 'softmax_ce' | 'sequence_ce' }>,
  logits: readonly number[],
  label: number,
): ExampleLoss {
  if (label === ignoreIndex) return { loss: 0, mass: 0, right: 0, counted: 0 };
  const classes = logits.length;
  const weightOf = (c: number) => (classWeights ? (classWeights[c] ?? Number.NaN) : 1);
  const highest = Math.max(...logits);
  const logSum = highest + Math.log(sum(logits.map((z) => Math.exp(z - highest))));
  const costs = logits.map((z, c) => weightOf(c) * (logSum - z));
  const ofLabel = costs[label] ?? Number.NaN;
  return {
    loss: (1 - labelSmoothing) * ofLabel + (labelSmoothing / classes) * sum(costs),
    mass: weightOf(label),
    right: logits.indexOf(highest) === label ? 1 : 0,
    counted: 1,
  };
}

function regression(losses: readonly number[]): ExampleLoss {
  return { loss: mean(losses), mass: 1, right: 0, counted: 0 };
}

/** log(1 / (1 + exp(-z))) */
function logSigmoid(z: number): number {
  return z > 0 ? -Math.log1p(Math.exp(-z)) : z - Math.log1p(Math.exp(z));
}

function pairsOf(output: readonly (readonly number[])[], target: readonly number[]): [number, number][] {
  return output.flat().map((o, index) => [o, target[index] ?? Number.NaN]);
}

function add(parts: readonly ExampleLoss[]): ExampleLoss {
  const total = (part: (one: ExampleLoss) => number) => sum(parts.map(part));
  return {
    loss: total(({ loss }) => loss),
    mass: total(({ mass }) => mass),
    right: total(({ right }) => right),
    counted: total(({ counted }) => counted),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

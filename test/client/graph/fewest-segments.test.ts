import { describe, expect, it } from 'vitest';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { compileTrainStep } from '../../../client/graph/compile-train-step.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import type { TrainingOptions } from '../../../client/graph/train-step.ts';
import { isProblem } from '../../../protocol/problem.ts';
import { numbers } from './random-arrays.ts';

/** Sixteen layers of 64 for a batch of 2048: activations of 8 MB in all, parameters of 0.3 MB. */
const FORWARD = mlp(Array<number>(17).fill(64), numbers(1));
const OPTIONS: TrainingOptions = { loss: { type: 'mse' }, optimizer: { type: 'sgd' }, batchSize: 2048 };

function peakOf(options: TrainingOptions): number {
  return compileTrainStep(FORWARD, options).cost.peakBytes;
}

function problemOf(attempt: () => unknown): unknown {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a limit of memory', () => {
  const plain = peakOf(OPTIONS);

  it('is kept by computing again, at the price of operations', () => {
    const limit = 0.65 * plain;
    const bounded = compileTrainStep(FORWARD, { ...OPTIONS, memoryLimit: limit });
    expect(bounded.cost.peakBytes).toBeLessThanOrEqual(limit);
    const { flops } = compileTrainStep(FORWARD, OPTIONS).cost;
    expect(bounded.cost.flops).toBeGreaterThan(1.1 * flops);
    // No more than the forward pass, a third of the whole, is done twice.
    expect(bounded.cost.flops).toBeLessThan(1.5 * flops);
    expect(compileTrainEpoch(FORWARD, { ...OPTIONS, memoryLimit: limit }).bytes).not.toEqual(
      compileTrainEpoch(FORWARD, OPTIONS).bytes,
    );
  });

  it('changes nothing where it is wide enough', () => {
    const generous = { ...OPTIONS, memoryLimit: 2 * plain };
    expect(compileTrainStep(FORWARD, generous).bytes).toEqual(compileTrainStep(FORWARD, OPTIONS).bytes);
  });

  it('is refused where no number of segments keeps it, with what is least', () => {
    const problem = problemOf(() => compileTrainStep(FORWARD, { ...OPTIONS, memoryLimit: 0.05 * plain }));
    expect(isProblem(problem, 'graphTooLarge') && problem.detail).toMatchObject({ what: 'memory' });
    expect(isProblem(problem, 'graphTooLarge') && problem.detail.got).toBeLessThan(0.65 * plain);
  });

  it('of the node holds whether or not one is asked for', () => {
    const small = { ...FORWARD, limits: { ...FORWARD.limits, memory: 0.65 * plain } };
    const problem = problemOf(() => compileTrainStep(small, OPTIONS));
    expect(isProblem(problem, 'graphTooLarge')).toBe(true);
    expect(problemOf(() => compileTrainStep(small, { ...OPTIONS, batchSize: 8 }))).toBeUndefined();
    expect(problemOf(() => compileTrainStep(small, { ...OPTIONS, memoryLimit: 10 * plain }))).toBeUndefined();
  });
});

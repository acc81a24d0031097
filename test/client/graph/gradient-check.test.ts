import { describe, expect, it } from 'vitest';
import { int } from '../../../client/graph/attribute.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import { checkGradients } from '../../../client/graph/gradient-check.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { bag } from '../../../client/graph/models/bag.ts';
import { linear } from '../../../client/graph/models/linear.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import type { Loss } from '../../../schemas/training.ts';
import { numbers } from './random-arrays.ts';
import { positionWise } from './sequence-model.ts';

describe('gradient check', () => {
  it.each<Loss>([
    { type: 'softmax_ce' },
    { type: 'softmax_ce', classWeights: [1, 2, 0.5, 1, 3], labelSmoothing: 0.1, ignoreIndex: 3 },
    { type: 'bce_logits' },
    { type: 'mse' },
    { type: 'mae' },
    { type: 'huber', delta: 0.5 },
  ])('finds the gradients of an mlp right under %j', async (loss) => {
    const forward = mlp([12, 9, 7, 5], numbers(1));
    const options = { loss, batchSize: 4, coordinates: 16, random: numbers(2) };
    const checked = await checkGradients(forward, options);
    expect(checked.map(({ name, coordinates }) => [name, coordinates])).toEqual([
      ['dense0.weight', 16],
      ['dense0.bias', 9],
      ['dense1.weight', 16],
      ['dense1.bias', 7],
      ['dense2.weight', 16],
      ['dense2.bias', 5],
    ]);
    for (const { worstError } of checked) expect(worstError).toBeLessThan(1e-6);
  });

  it('finds those of a sequence model right', async () => {
    const forward = positionWise([3, 4, 5], numbers(1));
    const loss = { type: 'sequence_ce', ignoreIndex: 2, labelSmoothing: 0.1 } as const;
    const checked = await checkGradients(forward, {
      loss,
      batchSize: 2,
      coordinates: 20,
      random: numbers(2),
    });
    expect(checked.map(({ name, coordinates }) => [name, coordinates])).toEqual([
      ['kernel', 20],
      ['offset', 5],
    ]);
    for (const { worstError } of checked) expect(worstError).toBeLessThan(1e-6);
  });

  it('takes the rounding of a loss that does not move for what it is', async () => {
    // Softmax does not see what is added to every logit: the slope is 0, and differences are units in the last place,
    // which count ten times as much over the shorter distance.
    const random = numbers(1);
    const forward = importModel(
      writeForward({
        name: 'shifted',
        input: { name: 'x', shape: [5] },
        parameters: [
          { name: 'w', shape: [5, 3], data: Float32Array.from({ length: 15 }, () => random.normal()) },
          { name: 'shift', shape: [1], data: Float32Array.of(0.5) },
        ],
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], output: 'logits' },
          { op: 'Add', inputs: ['logits', 'shift'], output: 'y' },
        ],
        output: { name: 'y', shape: [3] },
      }),
    );
    for (let seed = 1; seed <= 20; seed += 1) {
      const options = { loss: { type: 'softmax_ce' }, batchSize: 4, coordinates: 16 } as const;
      const [, shift] = await checkGradients(forward, { ...options, random: numbers(seed) });
      expect(shift?.worstError).toBeLessThan(1e-6);
    }
  });

  it('looks at the rows of an embedding that the batch has', async () => {
    // 6 tokens have 24 elements of 4000: among 8 drawn from all there is most often none of them.
    const forward = bag(numbers(1), { vocabulary: 1000, length: 3, width: 4, classes: 2 });
    const options = { loss: { type: 'softmax_ce' }, batchSize: 2, coordinates: 8 } as const;
    const checked = await checkGradients(forward, { ...options, random: numbers(2) });
    const [table] = checked.filter(({ name }) => name === 'embedding.table');
    expect(table?.coordinates).toBe(8);
    expect(table?.slopes).toBeGreaterThanOrEqual(4);
    expect(table?.slopes).toBeLessThan(8);
    for (const { worstError } of checked) expect(worstError).toBeLessThan(1e-6);
  });

  it('tells where there is no slope to look at', async () => {
    // Of one class the probability is 1 whatever the logit.
    const options = {
      loss: { type: 'softmax_ce' },
      batchSize: 2,
      coordinates: 8,
      random: numbers(2),
    } as const;
    const checked = await checkGradients(linear(3, 1), options);
    expect(checked.map(({ slopes, worstError }) => [slopes, worstError])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('fails a gradient that is not the slope of the loss', async () => {
    // y = x w + trunc(10^7 w): a staircase has gradient 0, but its steps are finer than the differences, which see
    // its slope.
    const staircase = (height: number) =>
      importModel(
        writeForward({
          name: 'staircase',
          input: { name: 'x', shape: [1] },
          parameters: [
            { name: 'w', shape: [1, 1], data: Float32Array.of(0.5) },
            { name: 'height', shape: [1], data: Float32Array.of(height) },
          ],
          nodes: [
            { op: 'MatMul', inputs: ['x', 'w'], output: 'line' },
            { op: 'Mul', inputs: ['w', 'height'], output: 'high' },
            { op: 'Cast', inputs: ['high'], output: 'steps', attributes: { to: int(6) } },
            { op: 'Cast', inputs: ['steps'], output: 'stairs', attributes: { to: int(1) } },
            { op: 'Add', inputs: ['line', 'stairs'], output: 'y' },
          ],
          output: { name: 'y', shape: [1] },
        }),
      );
    const errorOf = async (height: number) => {
      const options = { loss: { type: 'mse' }, batchSize: 3, coordinates: 1, random: numbers(3) } as const;
      const [first] = await checkGradients(staircase(height), options);
      return first?.worstError;
    };
    expect(await errorOf(0.1)).toBeLessThan(1e-6);
    expect(await errorOf(1e7)).toBeGreaterThan(0.5);
  });
});

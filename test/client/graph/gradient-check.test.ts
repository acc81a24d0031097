import { describe, expect, it } from 'vitest';
import { int } from '../../../client/graph/attribute.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import { checkGradients } from '../../../client/graph/gradient-check.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { numbers } from './random-arrays.ts';

describe('gradient check', () => {
  it.each(['softmax_ce', 'mse', 'bce_logits'] as const)(
    'finds the gradients of an mlp right under %s',
    async (type) => {
      const loss = { type };
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
      for (const { worstError, providerError } of checked) {
        expect(worstError).toBeLessThan(1e-6);
        expect(providerError).toBeNull();
      }
    },
  );

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
      return (await checkGradients(staircase(height), options))[0]?.worstError;
    };
    expect(await errorOf(0.1)).toBeLessThan(1e-6);
    expect(await errorOf(1e7)).toBeGreaterThan(0.5);
  });
});

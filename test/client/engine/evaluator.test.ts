import { expect, test } from 'vitest';
import { Evaluator } from '../../../client/engine/evaluator.ts';
import { lineModel, lineProvider, pointsOnLine } from './line-provider.ts';

test.each([1, 3, 4, 12, 50])('the mean loss does not depend on batches of %d', async (batchSize) => {
  const provider = lineProvider();
  const evaluator = await Evaluator.create(provider, lineModel(batchSize).evaluation);
  const examples = pointsOnLine(12, 2);
  const right = await evaluator.evaluate({ parameters: Float32Array.of(2, 0), examples });
  expect(right).toEqual({ loss: 0, accuracy: null, count: 12 });
  const shifted = await evaluator.evaluate({ parameters: Float32Array.of(2, 3), examples });
  expect(shifted.loss).toBeCloseTo(9, 5);
  await evaluator.release();
  expect(provider.released).toBe(true);
});

test('refuses what does not fit, and stops when cancelled', async () => {
  const provider = lineProvider();
  const evaluator = await Evaluator.create(provider, lineModel(4).evaluation);
  const request = { parameters: Float32Array.of(2, 0), examples: pointsOnLine(12, 2) };
  await expect(evaluator.evaluate(request)).resolves.toMatchObject({ count: 12 });
  const empty = evaluator.evaluate({ ...request, examples: pointsOnLine(0, 2) });
  await expect(empty).rejects.toMatchObject({ code: 'dataEmpty' });
  const short = evaluator.evaluate({ ...request, parameters: new Float32Array(1) });
  await expect(short).rejects.toMatchObject({ code: 'invalidLength' });
  const reason = new Error('enough');
  await expect(evaluator.evaluate({ ...request, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

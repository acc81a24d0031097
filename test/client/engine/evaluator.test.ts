import { expect, test } from 'vitest';
import { Evaluator } from '../../../client/engine/evaluator.ts';
import { type Tensors, tensorOf } from '../../../client/engine/provider.ts';
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

test('the mean divides by what the loss counts, and is 0 where nothing counts', async () => {
  const answers = [
    { lossSum: 6, weightSum: 2, correct: 1, counted: 4 },
    { lossSum: 2, weightSum: 0, correct: 2, counted: 2 },
  ];
  let sums = answers;
  let runs = 0;
  const session = {
    async run(): Promise<Tensors> {
      const answer = Object.entries(sums[runs] ?? {});
      runs += 1;
      return Object.fromEntries(answer.map(([name, value]) => [name, tensorOf([], Float32Array.of(value))]));
    },
    release: async () => {},
  };
  const provider = { ...lineProvider(), createSession: async () => session };
  const evaluator = await Evaluator.create(provider, lineModel(6).evaluation);
  const request = { parameters: Float32Array.of(2, 0), examples: pointsOnLine(12, 2) };
  expect(await evaluator.evaluate(request)).toEqual({ loss: 4, accuracy: 0.5, count: 12 });
  sums = answers.map(() => ({ lossSum: 1, weightSum: 0, correct: 0, counted: 0 }));
  runs = 0;
  expect(await evaluator.evaluate(request)).toEqual({ loss: 0, accuracy: null, count: 12 });
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

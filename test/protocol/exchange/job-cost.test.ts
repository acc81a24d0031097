import { expect, test } from 'vitest';
import { roundCost } from '../../../protocol/exchange/job-cost.ts';
import { CODEC, manifestOf } from '../../fixtures/manifest.ts';
import { updateFile } from '../../fixtures/vector-files.ts';

const manifest = manifestOf('fed-0123456789abcdef');
const training = { ...manifest.training, epochs: 3, batchSize: 10 };

test('steps and examples follow from passes, batches and their limit', () => {
  expect(roundCost({ ...manifest, training }, 25)).toMatchObject({ steps: 9, examples: 75 });
  expect(roundCost({ ...manifest, training: { ...training, maxSteps: 2 } }, 25)).toMatchObject({
    steps: 2,
    examples: 20,
  });
  // Ended in the second pass: behind a last batch of five.
  expect(roundCost({ ...manifest, training: { ...training, maxSteps: 4 } }, 25)).toMatchObject({
    steps: 4,
    examples: 35,
  });
});

test('bytes are those that travel', () => {
  const cost = roundCost({ ...manifest, parameters: 5, codec: CODEC }, 25);
  expect(cost.bytesUp).toBe(updateFile([0, 0, 0, 0, 0], 1, CODEC, 1).length);
  expect(cost.bytesDown).toBe(64 + 20);
});

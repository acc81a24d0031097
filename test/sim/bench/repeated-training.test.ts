import { expect, test } from 'vitest';
import { loadWasmProvider } from '../../../client/engine/wasm.ts';
import { repeatedTraining } from '../../../sim/bench/repeated-training.ts';

const EXAMPLES = {
  name: 'numbers',
  count: 12,
  features: Float32Array.from({ length: 48 }, (_, at) => Math.sin(at)),
  targets: Int32Array.from({ length: 12 }, (_, at) => at % 3),
};

test('each training takes the steps of its epochs, until the session is released', async () => {
  const plan = { sizes: [4, 5, 3], batchSize: 4 };
  const training = await repeatedTraining(await loadWasmProvider(), EXAMPLES, plan);
  expect((await training.train(1)).steps).toBe(3);
  const { steps, milliseconds } = await training.train(2);
  expect(steps).toBe(6);
  expect(milliseconds).toBeGreaterThan(0);
  await training.release();
  await expect(training.train(1)).rejects.toThrow('released');
});

import { expect, test } from 'vitest';
import { compileCnn } from '../../../sim/bench/rows/train-step-cnn.ts';

test('compiling is measured in turns with its baseline', async () => {
  const signal = new AbortController().signal;
  const { values, baselines } = await compileCnn.measure({ progress: () => {}, results: '', signal });
  expect(values).toHaveLength(baselines.length);
  for (const number of [...values, ...baselines]) expect(number).toBeGreaterThan(0);
});

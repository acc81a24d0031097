// covers: sim/privacy-utility/participant-level.ts, sim/privacy-utility/example-level.ts, sim/bench/rows/privacy-participant.ts, sim/bench/rows/privacy-example.ts
import { expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { COHORT_SETTINGS, participantFigure } from '../../../sim/privacy-utility/participant-level.ts';
import { type PooledTraining, trainPooled } from '../../../sim/privacy-utility/pooled-training.ts';
import { meanAccuracy } from '../../../sim/privacy-utility/utility-figures.ts';
import { clouds, numbers } from '../../fixtures/small-job.ts';

const training: Omit<PooledTraining, 'forward'> = {
  ...{ rate: 0.1, rounds: 20, clipNorm: 1, learningRate: 0.5, momentum: 0.5, averaged: 0.3 },
  ...{ batchSize: 64, epsilon: 1, delta: 1e-5, seed: 'pool' },
};

test('a pool of examples is learnt at the epsilon that is asked for, and not at a hundredth of it', async () => {
  const provider = await loadCpuProvider({ threads: 1 });
  const run = (more: Partial<PooledTraining>) =>
    trainPooled(
      { ...training, forward: mlp([4, 2], numbers(1)), ...more },
      clouds(2000, 1),
      clouds(400, 2),
      provider,
    );
  const rounds: number[] = [];
  const learnt = await run({ onRound: (round) => rounds.push(round) });
  expect(rounds).toHaveLength(20);
  expect(learnt.epsilon).toBeLessThanOrEqual(1);
  expect(learnt.epsilon).toBeGreaterThan(0.99);
  expect(learnt.accuracy).toBeGreaterThan(0.95);
  expect(learnt.parameters).toBe(10);
  const private100 = await run({ epsilon: 0.01 });
  expect(private100.noiseMultiplier).toBeGreaterThan(20 * learnt.noiseMultiplier);
}, 240_000);

/** Half a minute: with HANSE_CURVES=whole, as before the curves are made anew. */
const isWhole = process.env.HANSE_CURVES === 'whole';

test.skipIf(!isWhole)(
  'a thousand participants without noise: the baseline of the curves, once however often it is asked for',
  async () => {
    const told: string[] = [];
    const [first, second] = await Promise.all([
      participantFigure('no-noise', 0, (line) => told.push(line)),
      participantFigure('no-noise', 1, (line) => told.push(line)),
    ]);
    expect(second).toBe(first);
    expect(told).toHaveLength(COHORT_SETTINGS.seeds.length);
    expect(first.epsilonModel).toBeUndefined();
    expect(meanAccuracy(first)).toBeGreaterThan(87);
  },
  240_000,
);

import { beforeAll, describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { loadWasmProvider } from '../../client/engine/wasm.ts';
import { importModel } from '../../client/graph/import-model.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import type { ParticipantEvent } from '../../client/participant.ts';
import { type SimulationOptions, simulate } from '../../sim/simulate.ts';
import { countingProvider } from '../fixtures/counting-provider.ts';
import { clouds, numbers, smallPlan } from '../fixtures/small-job.ts';

let provider: ExecutionProvider;
beforeAll(async () => {
  provider = await loadCpuProvider({ threads: 1 });
});

function options(overrides: Partial<SimulationOptions> = {}): SimulationOptions {
  return {
    plan: smallPlan(),
    participants: [10, 12, 14, 16].map((count, i) => clouds(count, i + 10)),
    holdOut: clouds(40, 99),
    provider,
    seed: 'seed',
    signal: new AbortController().signal,
    onChange: () => false,
    ...overrides,
  };
}

test('a federation learns to tell two clouds apart', async () => {
  const { job, model } = await simulate(options());
  expect(job.phase).toBe('finished');
  expect(job.rounds.map(({ outcome, updates }) => [outcome, updates])).toEqual(
    Array(3).fill(['released', 3]),
  );
  const losses = job.rounds.map(({ metrics }) => metrics?.loss ?? Number.NaN);
  expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
  expect(job.rounds.at(-1)?.metrics?.accuracy).toBeGreaterThan(0.95);
  expect(initialParameters(importModel(model))).toHaveLength(job.manifest.parameters);
});

describe('one seed, one model', () => {
  test.each(['cpu', 'wasm'] as const)('on %s, twice, and another for another seed', async (name) => {
    const on = name === 'cpu' ? provider : await loadWasmProvider();
    const { holdOut: _, ...unmeasured } = options({ provider: on, plan: smallPlan({ rounds: 1 }) });
    const hashOf = async (seed: string) => (await simulate({ ...unmeasured, seed })).modelSha256;
    const first = await hashOf('a');
    expect(await hashOf('a')).toBe(first);
    expect(await hashOf('b')).not.toBe(first);
  });

  test('whatever the order in which participants finish', async () => {
    const finishedIn = async (shuffle: number | undefined) => {
      const random = numbers(shuffle ?? 0);
      const slowed = countingProvider(provider, async () => {
        const turns = shuffle === undefined ? 0 : Math.floor(30 * random.unit());
        for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      });
      const order: number[] = [];
      const onEvent = (index: number, { type }: ParticipantEvent) => {
        if (type === 'contributed') order.push(index);
      };
      const plan = smallPlan({ rounds: 2 });
      const { modelSha256 } = await simulate(options({ plan, provider: slowed.provider, onEvent }));
      return { modelSha256, order: order.join() };
    };
    const runs = [];
    for (const shuffle of [undefined, 1, 2, 3]) runs.push(await finishedIn(shuffle));
    expect(new Set(runs.map(({ modelSha256 }) => modelSha256)).size).toBe(1);
    expect(new Set(runs.map(({ order }) => order)).size).toBeGreaterThan(1);
  });
});

test('a participant that diverges is declined, and the round goes on with the others', async () => {
  const wild = clouds(10, 10);
  const broken = { ...wild, features: wild.features.map((x) => x * 1e38) };
  const participants = [broken, clouds(12, 11), clouds(14, 12)];
  const { job } = await simulate(options({ participants }));
  expect(job.phase).toBe('finished');
  for (const round of job.rounds)
    expect(round).toMatchObject({ outcome: 'released', updates: 2, declined: { trainingDiverged: 1 } });
});

test('a job at which everybody diverges fails by name, and leaves the model as it was', async () => {
  const plan = smallPlan({
    maxAttempts: 2,
    training: { ...smallPlan().training, learningRate: 1000, epochs: 50 },
  });
  const wild = [1, 2, 3].map((seed) => {
    const examples = clouds(8, seed);
    return { ...examples, features: examples.features.map((x) => x * 1e30) };
  });
  const { job } = await simulate(options({ plan, participants: wild }));
  expect(job).toMatchObject({
    phase: 'failed',
    reason: 'attemptsExhausted',
    model: job.manifest.initialModel,
  });
  expect(job.rounds).toHaveLength(2);
  expect(job.rounds[0]?.declined.trainingDiverged).toBeGreaterThan(1);
  expect(job.rounds[0]).toMatchObject({ outcome: 'aborted', reason: 'cohortTooSmall' });
});

describe('ends', () => {
  test('when it is told that the model is good enough', async () => {
    const onChange: SimulationOptions['onChange'] = (job) => job.rounds.length >= 1;
    const { job } = await simulate(options({ onChange }));
    expect(job.rounds).toHaveLength(1);
    expect(job.phase).not.toBe('finished');
  });

  test('in the middle of training, with nothing left loaded', async () => {
    const stop = new AbortController();
    const { provider: counted, sessions } = countingProvider(provider);
    const onEvent = (_index: number, { type }: ParticipantEvent) => {
      if (type === 'training') stop.abort();
    };
    const { job } = await simulate(options({ provider: counted, signal: stop.signal, onEvent }));
    expect(job.rounds).toEqual([]);
    expect(sessions.created).toBeGreaterThan(0);
    expect(sessions.released).toBe(sessions.created);
  });

  test('before it has begun', async () => {
    const events: string[] = [];
    const onEvent = (_index: number, { type }: ParticipantEvent) => events.push(type);
    const { job } = await simulate(options({ signal: AbortSignal.abort(), onEvent }));
    expect(job.rounds).toEqual([]);
    expect(events).not.toContain('training');
  });

  test('with the problem of an impossible plan', async () => {
    const plan = smallPlan({ rounds: 0 });
    await expect(simulate(options({ plan }))).rejects.toMatchObject({ code: 'invalidFormat' });
    const cohort = { size: 2, minimum: 3 };
    await expect(simulate(options({ plan: smallPlan({ cohort }) }))).rejects.toMatchObject({
      code: 'manifestInvalid',
    });
  });

  test('with what ends the life of a node', async () => {
    const onEvent = (_index: number, { type }: ParticipantEvent) => {
      if (type === 'ready') throw new Error('an observer fails');
    };
    await expect(simulate(options({ onEvent }))).rejects.toThrow('an observer fails');
  });
});

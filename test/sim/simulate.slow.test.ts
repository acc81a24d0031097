import { beforeAll, describe, expect, test } from 'vitest';
import type { Examples } from '../../client/data/examples.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { loadWasmProvider } from '../../client/engine/wasm.ts';
import { importModel } from '../../client/graph/import-model.ts';
import { linear } from '../../client/graph/models/linear.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { jobPrivacy } from '../../protocol/dp/job-privacy.ts';
import { unpack } from '../../protocol/ring/bit-pack.ts';
import { parseSum } from '../../protocol/secagg/model-chain.ts';
import type { LocalTraining, Loss, Optimizer } from '../../schemas/training.ts';
import { type SimulationOptions, simulate } from '../../sim/simulate.ts';
import { positionWise } from '../client/graph/sequence-model.ts';
import { clipNorms } from '../fixtures/clip-norms.ts';
import { countingProvider } from '../fixtures/counting-provider.ts';
import { regularizedModel } from '../fixtures/regularized-model.ts';
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

test('with updates that are turned it learns as well, in two thirds of the bytes', async () => {
  const run = async (rotate: boolean) => {
    const forward = mlp([4, 800, 2], numbers(1));
    const { job } = await simulate(options({ plan: smallPlan({ forward, rotate }) }));
    return { job, last: job.rounds.at(-1)?.metrics };
  };
  const [plain, turned] = [await run(false), await run(true)];
  expect([plain.job.manifest.codec.width, turned.job.manifest.codec.width]).toEqual([24, 16]);
  expect(turned.job.bytesUp / plain.job.bytesUp).toBeCloseTo(2 / 3, 1);
  expect(plain.last?.accuracy).toBeGreaterThan(0.95);
  expect(turned.last?.accuracy).toBeGreaterThanOrEqual(plain.last?.accuracy ?? 1);
  expect(turned.last?.loss).toBeCloseTo(plain.last?.loss ?? 0, 2);
  expect(turned.job.model).not.toBe(plain.job.model);
});

/** The clouds with numbers for targets: -1 and 1. */
function sides(count: number, seed: number): Examples {
  const { targets, ...cloud } = clouds(count, seed);
  return { ...cloud, targetShape: [1], targets: Float32Array.from(targets, (label) => 2 * label - 1) };
}

/** Two positions an example, each in one of the clouds; every fifth label is to be ignored. */
function pairs(count: number, seed: number): Examples {
  const cloud = clouds(2 * count, seed);
  const targets = Int32Array.from(cloud.targets, (label, at) => (at % 5 === 0 ? -100 : label));
  return { ...cloud, count, inputShape: [2, 4], targetShape: [2], targets };
}

describe('every loss and optimiser, over the whole way of a federation', () => {
  const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const cases: [loss: Loss, optimizer: Optimizer, more: Partial<LocalTraining>][] = [
    [
      { type: 'softmax_ce', classWeights: [1, 2], labelSmoothing: 0.1, ignoreIndex: -100 },
      { type: 'adamw', ...ADAM, weightDecay: 0.01 },
      { learningRate: 0.05, schedule: { type: 'cosine', warmup: 0.2, floor: 0.1 } },
    ],
    [
      { type: 'sequence_ce', ignoreIndex: -100 },
      { type: 'nesterov', momentum: 0.9, weightDecay: 0.001 },
      { gradientClip: 1, schedule: { type: 'linear', warmup: 0, floor: 0.1 } },
    ],
    [{ type: 'mae' }, { type: 'momentum', momentum: 0.5 }, { gradientClip: 2, learningRate: 0.05 }],
    [{ type: 'huber', delta: 0.5 }, { type: 'adam', ...ADAM, weightDecay: 0.001 }, { learningRate: 0.05 }],
  ];

  test.each(cases)('%j under %j', async (loss, optimizer, more) => {
    const isSequence = loss.type === 'sequence_ce';
    const isClassified = isSequence || loss.type === 'softmax_ce';
    const classifier = isSequence ? positionWise([2, 4, 2], numbers(1)) : smallPlan().forward;
    const draw = isSequence ? pairs : isClassified ? clouds : sides;
    const training = { ...smallPlan().training, loss, optimizer, ...more };
    const { job, model } = await simulate(
      options({
        plan: smallPlan({ forward: isClassified ? classifier : linear(4, 1), training }),
        participants: [10, 12, 14].map((count, i) => draw(count, i + 10)),
        holdOut: draw(40, 99),
      }),
    );
    expect(job.phase).toBe('finished');
    const losses = job.rounds.map(({ metrics }) => metrics?.loss ?? Number.NaN);
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
    const accuracy = job.rounds.at(-1)?.metrics?.accuracy;
    if (isClassified) expect(accuracy).toBeGreaterThan(0.9);
    else expect(accuracy).toBeNull();
    expect(initialParameters(importModel(model))).toHaveLength(job.manifest.parameters);
  });

  test('dropout and batch normalisation: one seed, one model, whose statistics have moved', async () => {
    const forward = regularizedModel(4, 2);
    const run = (seed: string) => simulate(options({ plan: smallPlan({ forward }), seed }));
    const first = await run('a');
    expect(first.job.phase).toBe('finished');
    expect((await run('a')).modelSha256).toBe(first.modelSha256);
    expect((await run('b')).modelSha256).not.toBe(first.modelSha256);
    const trained = importModel(first.model).parameters.find(({ name }) => name === 'variance');
    // Two clouds at -1 and 1 have a variance of about 1.
    expect(trained?.data.every((value) => value > 0.8 && value < 3)).toBe(true);
    expect(first.job.rounds.at(-1)?.metrics?.accuracy).toBeGreaterThan(0.9);
  });
});

describe('participants are protected', () => {
  const COUNT = 6;
  const promise = {
    unit: 'participant',
    noise: 'discreteGaussian',
    epsilon: 8,
    delta: 1e-5,
    force: true,
  } as const;
  const plan = (overrides: Partial<SimulationOptions['plan']> = {}) =>
    smallPlan({
      ...{ forward: mlp([4, 100, 2], numbers(1)), rounds: 1, clipNorm: 0.5, weighting: 'uniform' },
      ...{ cohort: { size: COUNT, minimum: COUNT }, maxAttempts: 1 },
      aggregation: { suite: 1, colluders: 0, answerSeconds: 3600 },
      ...overrides,
    });
  const run = (overrides: Partial<SimulationOptions['plan']> = {}) =>
    simulate(
      options({
        plan: plan(overrides),
        participants: Array.from({ length: COUNT }, (_, i) => clouds(10, i + 10)),
      }),
    );
  const moved = (model: Uint8Array) => {
    const before = initialParameters(plan().forward);
    return initialParameters(importModel(model)).map((value, i) => value - (before[i] ?? 0));
  };

  test('what is released carries the noise that the manifest promises', async () => {
    const training = { ...smallPlan().training, learningRate: 1e-9 };
    const { job, model } = await run({ privacy: promise, training });
    const { codec, privacy, parameters } = job.manifest;
    expect(job.manifest.privacyUnit).toBe('participant');
    expect(jobPrivacy(job.manifest)).toMatchObject({ unit: 'participant', parties: COUNT });
    expect(privacy?.epsilonServer).toBeLessThanOrEqual(8);
    // Rosters are read by all who take part: nothing is amplified.
    expect(privacy?.epsilonModel).toBe(privacy?.epsilonServer);
    // Nobody moved, so the model moved by the mean of the noise of all, and by roundings of a thousandth of it.
    const deviation = ((codec.noise?.sigma ?? 0) * codec.grid) / Math.sqrt(COUNT);
    const variance = moved(model).reduce((sum, value) => sum + value * value, 0) / parameters;
    expect(deviation).toBeGreaterThan(0.01);
    expect(Math.abs(variance / deviation ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / parameters));
    // The control: without a promise it did not move.
    expect(Math.max(...moved((await run({ training })).model).map(Math.abs))).toBeLessThan(deviation / 20);
  });
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

  test('on wasm, the same parameters on every machine', async () => {
    const plan = smallPlan({ rounds: 2 });
    const { job } = await simulate(options({ provider: await loadWasmProvider(), plan, seed: 'portable' }));
    // A change means that models of before cannot be made again: say so in the changelog.
    expect(job.model).toBe('8b420e3b507a7a5e9239992299382ccf3137614b79e08514584354e04af49b11');
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

test('a job of which too many cannot take part ends by name, where one that can spare them goes on', async () => {
  const unlike = { ...clouds(10, 10), inputShape: [3], features: new Float32Array(30) };
  const plan = smallPlan({ maxAttempts: 3, cohort: { size: 3, minimum: 2 } });
  const apart = options({ plan, participants: [unlike, clouds(12, 11), clouds(14, 12)] });
  const { job } = await simulate(apart);
  expect(job).toMatchObject({ phase: 'finished', unsuited: { dataShapeMismatch: 1 } });
  expect(job.rounds.map(({ cohort }) => cohort)).toEqual([3, ...job.rounds.slice(1).map(() => 2)]);
  const few = options({ plan, participants: [unlike, unlike, clouds(14, 12)] });
  await expect(simulate(few)).rejects.toMatchObject({
    code: 'cohortTooSmall',
    detail: { needed: 2, got: 1 },
  });
});

test('another node may be planted in the place of a participant, and opened sums given back', async () => {
  const secure = { suite: 1, colluders: 0, answerSeconds: 60 } as const;
  const plan = smallPlan({ aggregation: secure, cohort: { size: 3, minimum: 3 }, rounds: 2 });
  const participants = [10, 12, 14].map((count, i) => clouds(count, i + 10));
  const planted: number[] = [];
  const plant: SimulationOptions['plant'] = (index, node) => {
    planted.push(index);
    // It orders its examples and rounds as in the first round, for ever.
    return index === 1 ? { ...node, randomFor: (task) => node.randomFor({ ...task, round: 1 }) } : node;
  };
  const honest = await simulate(options({ plan, participants, wantsSums: true }));
  const broken = await simulate(options({ plan, participants, wantsSums: true, plant }));
  expect(planted.sort()).toEqual([0, 1, 2]);
  expect(honest.sums.map((sum) => parseSum(honest.job.manifest, sum).secondBlock[0])).toEqual([36, 36]);
  expect(broken.sums[0]).toEqual(honest.sums[0]);
  expect(broken.sums[1]).not.toEqual(honest.sums[1]);
  expect((await simulate(options({ plan, participants }))).sums).toEqual([]);
});

describe('the clip norm follows the lengths of updates', () => {
  const secure = { suite: 1, colluders: 0, answerSeconds: 60 } as const;
  /** Whatever the aggregation: every update counts, and few rounds move far. */
  const run = (aggregation: 'plain' | typeof secure, clipNorm: number) =>
    simulate(
      options({
        plan: smallPlan({
          ...{ weighting: 'uniform', clipNorm, rounds: 4, cohort: { size: 6, minimum: 6 }, aggregation },
          privacy: {
            ...{ unit: 'participant', noise: 'discreteGaussian', epsilon: 10, delta: 0.1, force: true },
            adaptive: { quantile: 0.5, rate: 1 },
          },
        }),
        participants: Array.from({ length: 6 }, (_, i) => clouds(10, i + 10)),
      }),
    );

  test.each(['plain', 'secure'] as const)('of %s rounds, as everybody computes it', async (name) => {
    const { job } = await run(name === 'secure' ? secure : 'plain', 10);
    const { rounds, manifest } = job;
    expect(rounds.map(({ outcome, updates }) => [outcome, updates])).toEqual(Array(4).fill(['released', 6]));
    const told = rounds.map(({ clipping }) => clipping);
    expect(told[0]?.clipNorm).toBe(10);
    const fractions = told.map((clipping) => clipping?.fraction ?? Number.NaN);
    const rule = { initial: 10, quantile: 0.5, rate: 1 };
    // Participants of secure rounds have refused any other: `checkDescriptor`.
    expect(told.map((clipping) => clipping?.clipNorm)).toEqual(clipNorms(fractions, rule).slice(0, 4));
    expect(manifest.codec.counters).toBe(1);
  });

  test('down where all updates are shorter, and the model is the one that the clip norm of the round gives', async () => {
    const { job, sums } = await simulate(
      options({
        plan: smallPlan({
          ...{ weighting: 'uniform', clipNorm: 1e4, rounds: 2, cohort: { size: 6, minimum: 6 } },
          ...{ aggregation: secure, evaluateEvery: 0 },
          privacy: {
            ...{ unit: 'participant', noise: 'discreteGaussian', epsilon: 10, delta: 0.1, force: true },
            adaptive: { quantile: 0, rate: 1 },
          },
        }),
        participants: Array.from({ length: 6 }, (_, i) => clouds(10, i + 10)),
        wantsSums: true,
      }),
    );
    const { manifest, rounds } = job;
    const [first, second] = rounds.map(({ clipping }) => clipping);
    // All are within it: with noise, about one.
    expect(first?.fraction).toBeGreaterThan(0.5);
    expect(second?.clipNorm).toBeLessThan(6100);
    // The second update was opened on the grid of its own clip norm.
    const { codec, parameters } = manifest;
    const coordinates = new Int32Array(parameters);
    unpack(parseSum(manifest, sums[1] as Uint8Array).words, codec.width, coordinates);
    const shift = 32 - codec.width;
    const step = (codec.grid * ((second?.clipNorm ?? 0) / codec.clipNorm)) / 6;
    const norm = Math.hypot(...coordinates.map((x) => (x << shift) >> shift)) * step;
    expect(rounds[1]?.updateNorm).toBeCloseTo(norm, 6);
  });
});

describe('a coordinator that is trusted adds the noise,', () => {
  const COUNT = 6;
  const secure = { suite: 1, colluders: 1, answerSeconds: 60 } as const;
  const still = { ...smallPlan().training, learningRate: 1e-9 };
  const run = (
    law: { readonly type: 'gaussian'; readonly treeRounds?: number },
    size: number,
    rounds: number,
  ) =>
    simulate(
      options({
        plan: smallPlan({
          ...{ forward: mlp([4, 300, 2], numbers(1)), training: still, weighting: 'uniform', clipNorm: 1 },
          privacy: { unit: 'participant', noise: law, epsilon: 8, delta: 1e-3, force: true },
          ...{ aggregation: secure, cohort: { size, minimum: size }, rounds },
        }),
        participants: Array.from({ length: COUNT }, (_, i) => clouds(10, i + 10)),
        wantsSums: true,
      }),
    );
  /** Coordinates of the opened sums, added up round by round. */
  const totals = ({ job, sums }: Awaited<ReturnType<typeof run>>) => {
    const { codec, parameters } = job.manifest;
    const total = new Float64Array(parameters);
    return sums.map((sum) => {
      const coordinates = new Int32Array(parameters);
      unpack(parseSum(job.manifest, sum).words, codec.width, coordinates);
      const shift = 32 - codec.width;
      for (let i = 0; i < parameters; i += 1)
        total[i] = (total[i] as number) + (((coordinates[i] as number) << shift) >> shift);
      return total.slice();
    });
  };
  const variance = (values: Float64Array) => values.reduce((sum, x) => sum + x * x, 0) / values.length;

  test('afresh in each round, once for all', async () => {
    const result = await run({ type: 'gaussian' }, COUNT, 2);
    const { manifest, rounds } = result.job;
    expect(rounds.map(({ outcome, updates }) => [outcome, updates])).toEqual(
      Array(2).fill(['released', COUNT]),
    );
    const sigma = manifest.privacy?.centralNoise?.sigma ?? 0;
    const tolerance = 5 * Math.sqrt(2 / manifest.parameters);
    const ratios = totals(result).map((total, at) => variance(total) / ((at + 1) * sigma ** 2));
    for (const ratio of ratios) expect(Math.abs(ratio - 1)).toBeLessThan(tolerance);
  });

  test('of a tree, in which everybody takes part once', async () => {
    const result = await run({ type: 'gaussian', treeRounds: 2 }, COUNT / 2, 2);
    const { manifest, rounds } = result.job;
    expect(rounds.map(({ outcome, updates }) => [outcome, updates])).toEqual(Array(2).fill(['released', 3]));
    const sigma = manifest.privacy?.centralNoise?.sigma ?? 0;
    const tolerance = 5 * Math.sqrt(2 / manifest.parameters);
    // After the second step one node covers both: the noise of the first is gone.
    const ratios = totals(result).map((total) => variance(total) / sigma ** 2);
    for (const ratio of ratios) expect(Math.abs(ratio - 1)).toBeLessThan(tolerance);
  });

  test('and a tree that needs more participants than there are ends by name', async () => {
    await expect(run({ type: 'gaussian', treeRounds: 3 }, COUNT / 2, 3)).rejects.toMatchObject({
      code: 'cohortTooSmall',
      detail: { needed: 9, got: COUNT },
    });
  });
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

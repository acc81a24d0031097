// covers: client/engine/units.ts, client/engine/local-training.ts, client/engine/lot-runs.ts
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { learn, watched } from '../../../client/engine/local-training.ts';
import { LotTrainer } from '../../../client/engine/lot-trainer.ts';
import type { ExecutionProvider, Tensors } from '../../../client/engine/provider.ts';
import type { Trainer } from '../../../client/engine/trainer.ts';
import { unitCount, unitsOf } from '../../../client/engine/units.ts';
import { int, ints } from '../../../client/graph/attribute.ts';
import { compileLotGradient } from '../../../client/graph/compile-lot-gradient.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { elementCount } from '../../../client/graph/tensor-type.ts';
import { BATCHES_IN_FLOAT32 } from '../../../protocol/dp/job-privacy.ts';
import { lotMost } from '../../../protocol/dp/lot.ts';
import { seededRandom } from '../../../protocol/random.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import { manifestOf } from '../../fixtures/manifest.ts';
import { clouds, numbers } from '../../fixtures/small-job.ts';

const BATCH = 4;
const forward = mlp([4, 3, 2], numbers(1));
const parameters = initialParameters(forward);
const gradientOf = (unit: 'example' | 'person') =>
  compileLotGradient(forward, { loss: { type: 'softmax_ce' }, batchSize: BATCH, unit });
const seeded = (byte = 3) => seededRandom(new Uint8Array(32).fill(byte));
/**
 * A model of examples with two rows of four numbers: `first` makes `h` of them, then come a matrix `w`, the mean of the rows, and
 * a bias. All parameters are zero.
 */
function rowsModel(
  shapes: { readonly bias: readonly [number]; readonly [name: string]: readonly number[] },
  first: Parameters<typeof writeForward>[0]['nodes'],
) {
  return importModel(
    writeForward({
      name: 'rows',
      input: { name: 'x', shape: [2, 4] },
      parameters: Object.entries(shapes).map(([name, shape]) => ({
        ...{ name, shape, data: new Float32Array(elementCount(shape)) },
      })),
      nodes: [
        ...first,
        { op: 'MatMul', inputs: ['h', 'w'], output: 'rows' },
        {
          op: 'ReduceMean',
          inputs: ['rows'],
          output: 'mean',
          attributes: { axes: ints([1]), keepdims: int(0) },
        },
        { op: 'Add', inputs: ['mean', 'bias'], output: 'y' },
      ],
      output: { name: 'y', shape: shapes.bias },
    }),
  );
}
let provider: ExecutionProvider;
let trainer: LotTrainer;

beforeAll(async () => {
  provider = await loadCpuProvider({ threads: 1 });
  trainer = await LotTrainer.create(provider, gradientOf('example'));
});

afterAll(() => trainer.release());

const request = { parameters, rate: 1, clipNorm: 0.5, random: seeded() };
const total = (sums: readonly Float64Array[]) =>
  Array.from(sums[0] ?? [], (_, i) => sums.reduce((sum, one) => sum + (one[i] as number), 0));

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(got).toHaveLength(wanted.length);
  for (let i = 0; i < wanted.length; i += 1) expect(got[i]).toBeCloseTo(wanted[i] as number, 5);
}

describe('the sum of a lot', () => {
  test('is that of its examples alone, each as long as clipping permits', async () => {
    const examples = clouds(10);
    const { sum } = await trainer.sum({ ...request, examples });
    const alone = await Promise.all(
      Array.from({ length: 10 }, async (_, row) => {
        const features = examples.features.slice(4 * row, 4 * row + 4);
        const targets = examples.targets.slice(row, row + 1);
        const one = { ...examples, count: 1, features, targets };
        return (await trainer.sum({ ...request, examples: one })).sum;
      }),
    );
    for (const one of alone) expect(Math.hypot(...one)).toBeLessThanOrEqual(0.5);
    expectClose(sum, total(alone));
    const { sum: shorter } = await trainer.sum({ ...request, clipNorm: 0.01, examples });
    expect(Math.hypot(...shorter)).toBeLessThanOrEqual(0.1);
  });

  test.each([2 ** -40, 1e-7, 1e-5])('clips to %s what vanishes when it is squared', async (clipNorm) => {
    const examples = clouds(1);
    // One activation of 1e19, and a gradient by the output of e^-52: the square of either is at an end of float32.
    const saturated = new Float32Array(parameters.length);
    saturated[0] = -1e19;
    saturated[saturated.length - 2] = 52;
    const { sum: whole } = await trainer.sum({ ...request, clipNorm: 1e9, examples, parameters: saturated });
    expect(Math.hypot(...whole)).toBeGreaterThan(1e-4);
    const { sum } = await trainer.sum({ ...request, clipNorm, examples, parameters: saturated });
    expect(Math.hypot(...sum)).toBeLessThanOrEqual(clipNorm);
    expect(Math.hypot(...sum)).toBeGreaterThan(0);
  });

  test('clips what vanishes when it is squared also where an example has several rows', async () => {
    const sequences = rowsModel({ before: [4, 6], w: [6, 7], bias: [7] }, [
      { op: 'MatMul', inputs: ['x', 'before'], output: 'h' },
    ]);
    const compiled = compileLotGradient(sequences, {
      ...{ loss: { type: 'softmax_ce' }, batchSize: BATCH, unit: 'example' },
    });
    const saturated = initialParameters(sequences);
    for (let at = 0; at < 24; at += 6) saturated[at] = 1e18;
    saturated[saturated.length - 7] = 52;
    const one = await LotTrainer.create(provider, compiled);
    const examples = { ...clouds(2), count: 1, inputShape: [2, 4], targets: Int32Array.of(0) };
    const sumOf = (clipNorm: number) => one.sum({ ...request, clipNorm, examples, parameters: saturated });
    expect(Math.hypot(...(await sumOf(1e9)).sum)).toBeGreaterThan(1e-6);
    expect(Math.hypot(...(await sumOf(1e-8)).sum)).toBeLessThanOrEqual(1e-8);
    expect(Math.hypot(...(await sumOf(1e-8)).sum)).toBeGreaterThan(0);
    await one.release();
  });

  test('clips a gradient that is left of others which cancel each other, and of whose norm float32 has nothing', async () => {
    const sequences = rowsModel({ before: [4, 8], shift: [2, 8], w: [8, 4], bias: [4] }, [
      { op: 'MatMul', inputs: ['x', 'before'], output: 'product' },
      { op: 'Add', inputs: ['product', 'shift'], output: 'h' },
    ]);
    const compiled = compileLotGradient(sequences, {
      ...{ loss: { type: 'softmax_ce' }, batchSize: BATCH, unit: 'example' },
    });
    // The rows of an example are s + 1 and 1 - s in each place.
    const opposed = initialParameters(sequences);
    opposed.fill(1, 0, 8);
    opposed.fill(2 ** 20, 32, 40);
    opposed.fill(-(2 ** 20), 40, 48);
    const one = await LotTrainer.create(provider, compiled);
    const features = new Float32Array(8).fill(1);
    const examples = { ...clouds(2), count: 1, inputShape: [2, 4], features, targets: Int32Array.of(0) };
    const normAt = async (clipNorm: number) => {
      const { sum } = await one.sum({ ...request, clipNorm, examples, parameters: opposed });
      return Math.hypot(...sum);
    };
    expect(await normAt(1e9)).toBeGreaterThan(1);
    expect(await normAt(0.01)).toBeLessThanOrEqual(0.01);
    expect(await normAt(0.01)).toBeGreaterThan(0);
    await one.release();
  });

  test('clips so also what one token gets from several places', async () => {
    const shapes = { table: [3, 2], scale: [2, 2] };
    const tokens = importModel(
      writeForward({
        name: 'tokens',
        input: { name: 'x', shape: [2], dtype: 'int32' },
        parameters: Object.entries(shapes).map(([name, shape]) => ({
          ...{ name, shape, data: new Float32Array(elementCount(shape)) },
        })),
        nodes: [
          { op: 'Gather', inputs: ['table', 'x'], output: 'rows' },
          { op: 'Mul', inputs: ['rows', 'scale'], output: 'scaled' },
          {
            op: 'ReduceMean',
            inputs: ['scaled'],
            output: 'y',
            attributes: { axes: ints([1]), keepdims: int(0) },
          },
        ],
        output: { name: 'y', shape: [2] },
      }),
    );
    const compiled = compileLotGradient(tokens, {
      ...{ loss: { type: 'softmax_ce' }, batchSize: BATCH, unit: 'example' },
    });
    const opposed = Float32Array.of(0, 0, 0, 0, 0, 0, 2 ** 20 + 1, 2 ** 20 + 1, 1 - 2 ** 20, 1 - 2 ** 20);
    const one = await LotTrainer.create(provider, compiled);
    const features = Int32Array.of(1, 1);
    const examples = { ...clouds(2), count: 1, inputShape: [2], features, targets: Int32Array.of(0) };
    const normAt = async (clipNorm: number) => {
      const { sum } = await one.sum({ ...request, clipNorm, examples, parameters: opposed });
      return Math.hypot(...sum);
    };
    expect(await normAt(1e9)).toBeGreaterThan(0.5);
    expect(await normAt(0.01)).toBeLessThanOrEqual(0.01);
    expect(await normAt(0.01)).toBeGreaterThan(0);
    await one.release();
  });

  test('computes as many batches whatever the lot holds, and a lot of nobody is zero', async () => {
    const examples = clouds(40);
    const steps = Math.ceil(lotMost(40, 0.05) / BATCH);
    for (let seed = 0; seed < 5; seed += 1) {
      const result = await trainer.sum({ ...request, rate: 0.05, random: seeded(seed), examples });
      expect(result.steps).toBe(steps);
      expect(result.losses).toHaveLength(steps);
    }
    const nobody = { fill: (target: Uint8Array) => target.fill(0xff) };
    const { sum, steps: same } = await trainer.sum({ ...request, rate: 0.05, random: nobody, examples });
    expect([...sum].every((value) => value === 0)).toBe(true);
    expect(same).toBe(steps);
  });

  test('an example whose gradient is not finite counts as zero, and the others as before', async () => {
    const examples = clouds(10);
    const spoilt = { ...examples, features: (examples.features as Float32Array).slice() };
    spoilt.features[4 * 5] = 3e38;
    spoilt.features[4 * 5 + 1] = -3e38;
    const without = [0, 1, 2, 3, 4, 6, 7, 8, 9];
    const rest = {
      ...examples,
      count: 9,
      features: Float32Array.from(
        without.flatMap((row) => [...examples.features.slice(4 * row, 4 * row + 4)]),
      ),
      targets: Int32Array.from(without, (row) => examples.targets[row] as number),
    };
    const { sum } = await trainer.sum({ ...request, examples: spoilt });
    const { sum: wanted } = await trainer.sum({ ...request, examples: rest });
    expect([...sum].every(Number.isFinite)).toBe(true);
    expectClose(sum, wanted);
  });

  test('of many runs has each example once, also where one of them counts as zero', async () => {
    const count = 2 * BATCHES_IN_FLOAT32 * BATCH + 3 * BATCH + 1;
    const examples = clouds(count);
    const rowsOf = (rows: readonly number[]) => ({
      ...examples,
      count: rows.length,
      features: Float32Array.from(rows.flatMap((row) => [...examples.features.slice(4 * row, 4 * row + 4)])),
      targets: Int32Array.from(rows, (row) => examples.targets[row] as number),
    });
    const all = Array.from({ length: count }, (_, row) => row);
    const { sum, steps, losses } = await trainer.sum({ ...request, examples });
    expect(steps).toBe(Math.ceil(count / BATCH));
    expect(losses.every((loss) => loss > 0)).toBe(true);
    const parts: Float64Array[] = [];
    for (let from = 0; from < count; from += 10)
      parts.push((await trainer.sum({ ...request, examples: rowsOf(all.slice(from, from + 10)) })).sum);
    expectClose(sum, total(parts));

    const spoilt = { ...examples, features: (examples.features as Float32Array).slice() };
    spoilt.features.set([3e38, -3e38, 0, 0], 4 * (BATCHES_IN_FLOAT32 * BATCH + 5));
    const rest = all.filter((row) => row !== BATCHES_IN_FLOAT32 * BATCH + 5);
    const { sum: without } = await trainer.sum({ ...request, examples: spoilt });
    expectClose(without, (await trainer.sum({ ...request, examples: rowsOf(rest) })).sum);
  });

  test('is the same to the bit where a device runs one batch after the other', async () => {
    const sessions: Uint8Array[] = [];
    const device: ExecutionProvider = {
      ...provider,
      createSession: (bytes) => {
        sessions.push(bytes);
        return provider.createSession(bytes);
      },
      createHoldingSession: () => Promise.reject(new Error('nothing is held')),
    };
    const onDevice = await LotTrainer.create(device, gradientOf('example'));
    expect(sessions).toEqual([gradientOf('example').bytes]);
    const examples = clouds((BATCHES_IN_FLOAT32 + 2) * BATCH);
    const [one, other] = [
      await onDevice.sum({ ...request, examples }),
      await trainer.sum({ ...request, examples }),
    ];
    await onDevice.release();
    expect(one).toEqual(other);
  });

  test('ends between two runs', async () => {
    const signal = AbortSignal.abort(new Error('over'));
    await expect(trainer.sum({ ...request, examples: clouds(4), signal })).rejects.toThrow('over');
    await expect(trainer.sum({ ...request, examples: clouds(0) })).rejects.toMatchObject({
      code: 'dataEmpty',
    });
  });

  test('leaves room for norms in float32', async () => {
    const seen: number[] = [];
    const spy: ExecutionProvider = {
      ...provider,
      createSession: async (bytes) => {
        const session = await provider.createSession(bytes);
        return {
          run: (feeds: Tensors) => {
            seen.push(Number(feeds.clipNorm?.data[0]));
            return session.run(feeds);
          },
          release: () => session.release(),
        };
      },
    };
    const watchedTrainer = await LotTrainer.create(spy, gradientOf('example'));
    await watchedTrainer.sum({ ...request, clipNorm: 2, examples: clouds(3) });
    await watchedTrainer.release();
    expect(seen).toEqual([Math.fround(2 * (1 - 2 ** -10))]);
  });
});

describe('persons', () => {
  const persons = Uint32Array.of(0, 1, 1, 1, 1, 1, 1, 2);
  const examples = { ...clouds(8), persons };

  test('are drawn as a whole, and have a batch each', () => {
    const units = unitsOf(examples, 'person', BATCH);
    expect(units.count).toBe(3);
    const batches = units.batches(Uint32Array.of(0, 1), 3, seeded());
    expect(batches).toHaveLength(3);
    const rows = batches.map((batch) => [...batch].filter((row) => row >= 0).sort());
    expect(rows[0]).toEqual([0]);
    expect(rows[1]).toHaveLength(BATCH);
    expect(new Set(rows[1]).size).toBe(BATCH);
    for (const row of rows[1] ?? []) expect(persons[row]).toBe(1);
    expect(rows[2]).toEqual([]);
  });

  test('move the sum by no more than the norm, however many examples they have', async () => {
    const ofPersons = await LotTrainer.create(provider, gradientOf('person'));
    const one = { ...examples, persons: new Uint32Array(8) };
    const { sum, steps } = await ofPersons.sum({ ...request, examples: one });
    expect(steps).toBe(1);
    expect(Math.hypot(...sum)).toBeLessThanOrEqual(0.5);
    expect(Math.hypot(...sum)).toBeGreaterThan(0);
    await expect(ofPersons.sum({ ...request, examples: clouds(8) })).rejects.toMatchObject({
      code: 'dataWithoutPersons',
    });
    await ofPersons.release();
  });

  test('are what a node weighs, where they are protected', () => {
    expect(unitCount(examples, { privacyUnit: 'person' })).toBe(3);
    expect(unitCount(examples, { privacyUnit: 'example' })).toBe(8);
    expect(() => unitCount(clouds(8), { privacyUnit: 'person' })).toThrow(
      expect.objectContaining({ code: 'dataWithoutPersons' }),
    );
  });
});

describe('what a node learns in a round', () => {
  const round = (codec: Partial<JobManifest['codec']>) => {
    const manifest = manifestOf('fed-0123456789abcdef');
    return {
      manifest: { ...manifest, codec: { ...manifest.codec, ...codec } },
      round: 1,
      model: parameters,
      examples: clouds(8),
      random: seeded(),
      signal: new AbortController().signal,
      take: (bytes: number) => new ArrayBuffer(bytes),
    };
  };
  const lot = { rate: 1, bound: 1000 };

  test('is the sum of a lot where the job has lots, downhill, and else a difference', async () => {
    const { delta, steps } = await learn(trainer, round({ lot }));
    expect(delta).toBeInstanceOf(Float64Array);
    expect(steps).toBe(2);
    const train: Trainer['train'] = async () => ({
      parameters: parameters.map((value) => value + 1),
      losses: Float32Array.of(3, 2, 1),
      steps: 3,
      examplesSeen: 8,
    });
    const learnt = await learn({ train }, round({}));
    expect(learnt).toMatchObject({ lossFirst: 3, lossLast: 1, steps: 3 });
    expectClose(
      learnt.delta,
      parameters.map(() => 1),
    );
    await expect(learn({ train }, round({ lot }))).rejects.toThrow(TypeError);
    await expect(learn(trainer, round({}))).rejects.toThrow(TypeError);
  });

  test('is watched from its begin to its end, also where it fails', async () => {
    const told: string[] = [];
    const under = watched(trainer, () => {
      told.push('begun');
      return { onProgress: ({ step }) => told.push(`${step}`), ended: () => told.push('ended') };
    });
    await learn(under, { ...round({ lot }), examples: clouds((BATCHES_IN_FLOAT32 + 1) * BATCH) });
    expect(told).toEqual(['begun', `${BATCHES_IN_FLOAT32}`, `${BATCHES_IN_FLOAT32 + 1}`, 'ended']);
    await expect(learn(under, { ...round({ lot }), examples: clouds(0) })).rejects.toThrow();
    expect(told.slice(4)).toEqual(['begun', 'ended']);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Trainer, type TrainingRequest } from '../../../client/engine/trainer.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { lineModel, lineProvider, pointsOnLine } from './line-provider.ts';

const random = (seed = 1) => seededRandom(new Uint8Array(32).fill(seed));

async function setUp(batchSize: number) {
  const provider = lineProvider();
  const trainer = await Trainer.create(provider, lineModel(batchSize).epoch);
  const train = (changes: Partial<TrainingRequest> = {}) =>
    trainer.train({
      parameters: Float32Array.of(0, 1),
      examples: pointsOnLine(20, 2),
      epochs: 1,
      learningRate: 0.1,
      random: random(),
      ...changes,
    });
  return { provider, trainer, train };
}

describe('Trainer', () => {
  test('learns y = 2x', async () => {
    const { train } = await setUp(4);
    const { parameters, losses } = await train({ epochs: 60 });
    expect(parameters[0]).toBeCloseTo(2, 3);
    expect(parameters[1]).toBeCloseTo(0, 3);
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
  });

  test('one seed, one result; another seed, another order', async () => {
    const { train } = await setUp(4);
    const [first, again, other] = [
      await train({ epochs: 2 }),
      await train({ epochs: 2 }),
      await train({ epochs: 2, random: random(2) }),
    ];
    expect(again).toEqual(first);
    expect(other.losses).not.toEqual(first?.losses);
  });

  test('every epoch feeds each example once, with its own target, in a new order', async () => {
    const sizes = fc.record({
      count: fc.integer({ min: 1, max: 50 }),
      batchSize: fc.integer({ min: 1, max: 12 }),
      epochs: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ count, batchSize, epochs }) => {
        const { provider, train } = await setUp(batchSize);
        const examples = pointsOnLine(count, 2);
        const result = await train({ examples, epochs });
        const rows = provider.runs.flatMap(({ x, y, weight }) =>
          x.map((value, i) => ({ x: value, y: y[i], weight: weight[i] })),
        );
        const real = rows.filter(({ weight }) => weight === 1);
        expect(rows.filter(({ weight }) => weight === 0)).toHaveLength(rows.length - real.length);
        for (const padding of rows.filter(({ weight }) => weight === 0)) {
          expect(padding).toEqual({ x: 0, y: 0, weight: 0 });
        }
        for (const { x, y } of real) expect(y).toBe(2 * x);
        const sorted = [...examples.features].sort();
        for (let epoch = 0; epoch < epochs; epoch += 1) {
          const seen = real.slice(epoch * count, (epoch + 1) * count).map(({ x }) => x);
          expect(seen.sort()).toEqual(sorted);
        }
        expect(result.examplesSeen).toBe(count * epochs);
        expect(result.steps).toBe(Math.ceil(count / batchSize) * epochs);
        expect(result.losses).toHaveLength(result.steps);
      }),
      { numRuns: 40 },
    );
  });

  test('two epochs come in different orders', async () => {
    const { provider, train } = await setUp(20);
    await train({ epochs: 2 });
    const [run] = provider.runs;
    expect(run?.x.slice(0, 20)).not.toEqual(run?.x.slice(20));
  });

  test('feeds back what came out, state included, and never writes to what it fed', async () => {
    const { provider, train } = await setUp(1);
    const parameters = Float32Array.of(0, 1);
    // More steps than one run holds.
    await train({ parameters, examples: pointsOnLine(600, 2) });
    expect(provider.runs.length).toBeGreaterThan(1);
    expect(provider.runs[0]?.feeds.count?.data).toEqual(Float32Array.of(0));
    for (const [i, { feeds }] of provider.runs.slice(1).entries()) {
      const before = provider.runs[i]?.outputs;
      for (const name of ['a', 'b', 'count']) {
        expect(feeds[name]?.data).toBe(before?.[`${name}_next`]?.data);
        expect(feeds[name]?.data.buffer).not.toBe(feeds.x?.data.buffer);
      }
    }
    expect(parameters).toEqual(Float32Array.of(0, 1));
  });

  test('what an earlier training has left in the buffers has no effect', async () => {
    const { train } = await setUp(4);
    const short = { examples: pointsOnLine(6, 2), epochs: 1 };
    const alone = await train({ ...short, random: seededRandom(new Uint8Array(32)) });
    await train({ examples: pointsOnLine(600, -7), epochs: 2 });
    const after = await train({ ...short, random: seededRandom(new Uint8Array(32)) });
    expect(after).toEqual(alone);
    expect(after.steps).toBe(2);
  });

  test('maxSteps ends training early', async () => {
    const { train } = await setUp(4);
    const full = await train({ epochs: 3 });
    const cut = await train({ epochs: 3, maxSteps: 7 });
    expect([full.steps, cut.steps, cut.examplesSeen]).toEqual([15, 7, 28]);
    expect(cut.losses).toEqual(full.losses.subarray(0, 7));
  });

  test('the learning rate is that of the call', async () => {
    const { train } = await setUp(4);
    expect((await train({ learningRate: 0 })).parameters).toEqual(Float32Array.of(0, 1));
    expect((await train({ learningRate: 0.1 })).parameters).not.toEqual(Float32Array.of(0, 1));
  });

  test('every step has a rate of its own, however the steps are split into runs', async () => {
    const { provider, train } = await setUp(1);
    const asked: [step: number, steps: number][] = [];
    const { steps } = await train({
      examples: pointsOnLine(300, 2),
      learningRate: (step, of) => {
        asked.push([step, of]);
        return 1 / (100 + step);
      },
    });
    expect(provider.runs.length).toBeGreaterThan(1);
    expect(asked).toEqual(Array.from({ length: steps }, (_, step) => [step, steps]));
    const fed = provider.runs.flatMap(({ lr }) => lr);
    expect(fed).toEqual(Array.from({ length: steps }, (_, step) => Math.fround(1 / (100 + step))));
    for (const { feeds } of provider.runs) expect(feeds.lr?.shape).toEqual(feeds.x?.shape.slice(0, 1));
  });

  test('masks are drawn for each step, and count for how many steps fit one run', async () => {
    const masks = [{ name: 'mask0', type: 'float32', shape: [2, 3], rate: 0.5 }] as const;
    const fed = async (width: number) => {
      const provider = lineProvider();
      const { epoch } = lineModel(2);
      // Beside a large mask, fewer steps fit a run.
      const filler = { name: 'mask1', type: 'float32', shape: [width], rate: 1e-12 } as const;
      const trainer = await Trainer.create(provider, {
        ...epoch,
        masks: [...masks, filler].slice(0, width ? 2 : 1),
      });
      const request = { parameters: Float32Array.of(0, 1), examples: pointsOnLine(40, 2), epochs: 1 };
      await trainer.train({ ...request, learningRate: 0.1, random: random() });
      const values = provider.runs.flatMap(({ feeds }) => Array.from(feeds.mask0?.data ?? [], Number));
      return { runs: provider.runs.length, values, shape: provider.runs[0]?.feeds.mask0?.shape };
    };
    const whole = await fed(0);
    expect(whole.shape).toEqual([20, 2, 3]);
    expect(new Set(whole.values)).toEqual(new Set([0, 2]));
    expect(whole.runs).toBe(1);
    const steps = Array.from({ length: 20 }, (_, step) => whole.values.slice(step * 6, step * 6 + 6).join());
    expect(new Set(steps).size).toBeGreaterThan(10);
    expect(await fed(0)).toEqual(whole);
    expect((await fed(100_000)).runs).toBeGreaterThan(3);
  });

  test('says when training diverges: in a loss, or in a parameter after the last one', async () => {
    const { train } = await setUp(4);
    const diverged = { code: 'trainingDiverged' };
    await expect(train()).resolves.toBeDefined();
    await expect(train({ learningRate: 1e30 })).rejects.toMatchObject({
      ...diverged,
      detail: { what: expect.stringMatching(/loss of step [2-5]/) },
    });
    await expect(train({ learningRate: Infinity, maxSteps: 1 })).rejects.toMatchObject({
      ...diverged,
      detail: { what: 'parameter 0' },
    });
  });

  test('stops when cancelled, between two runs', async () => {
    const { provider, train } = await setUp(1);
    const examples = pointsOnLine(2000, 2);
    await train({ examples });
    const all = provider.runs.length;
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => controller.abort(reason);
    await expect(train({ examples, signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(provider.runs.length).toBe(all + 1);
    await expect(train({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(provider.runs.length).toBe(all + 1);
  });

  test('reports progress up to the last step', async () => {
    const { train } = await setUp(1);
    const progress: number[] = [];
    const { steps, losses } = await train({
      examples: pointsOnLine(600, 2),
      onProgress: ({ step, loss }) => {
        progress.push(step);
        expect(Number.isFinite(loss)).toBe(true);
      },
    });
    expect(progress.at(-1)).toBe(steps);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(losses).toHaveLength(600);
  });

  test('refuses examples and parameters that do not fit, before the first run', async () => {
    const { provider, train } = await setUp(4);
    const line = pointsOnLine(20, 2);
    const faults: [string, Partial<TrainingRequest>][] = [
      ['dataEmpty', { examples: pointsOnLine(0, 2) }],
      ['dataShapeMismatch', { examples: { ...line, features: new Float32Array(21) } }],
      ['dataShapeMismatch', { examples: { ...line, targets: new Float32Array(40) } }],
      ['dataShapeMismatch', { examples: { ...line, targets: new Int32Array(20) } }],
      ['invalidLength', { parameters: new Float32Array(3) }],
    ];
    for (const [code, fault] of faults) await expect(train(fault)).rejects.toMatchObject({ code });
    expect(provider.runs).toHaveLength(0);
    await expect(train()).resolves.toBeDefined();
  });

  test('release() frees the session', async () => {
    const { provider, trainer } = await setUp(4);
    expect(provider.released).toBe(false);
    await trainer.release();
    expect(provider.released).toBe(true);
  });
});

// covers: client/graph/losses/loss-rules.ts, client/graph/losses/loss-rule.ts, client/graph/losses/cross-entropy.ts, client/graph/losses/elementwise-loss.ts, client/graph/losses/mean-squared-error.ts, client/graph/losses/mean-absolute-error.ts, client/graph/losses/huber.ts, client/graph/losses/binary-cross-entropy.ts
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { lossRule } from '../../../../client/graph/losses/loss-rules.ts';
import { encodeModel } from '../../../../client/graph/onnx-encode.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import type { Loss } from '../../../../schemas/training.ts';
import { type Feed, hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';
import { exampleLoss } from './loss-twin.ts';

function lossGraph(loss: Loss, output: readonly number[]) {
  const rule = lossRule(loss);
  const target = rule.target(output);
  if (typeof target === 'string') throw new Error(`${loss.type} takes ${target}`);
  const g = new GraphBuilder('loss');
  const o = g.input('output', 'float32', output);
  const y = g.input('target', target.type, target.shape);
  const c = g.input('coefficient', 'float32', output.slice(0, 1));
  const terms = rule.terms(g, o, y, c);
  const { right, counted } = rule.correct(g, o, y, c);
  const ones = {
    dtype: 'float32',
    shape: [output[0] ?? 0],
    data: new Float32Array(output[0] ?? 0).fill(1),
  } as const;
  return g.finish([
    { name: 'total', value: terms.total },
    { name: 'gradient', value: terms.gradient() },
    { name: 'mass', value: rule.mass(g, o, y) ?? g.constant(ones) },
    { name: 'right', value: right },
    { name: 'counted', value: counted },
  ]);
}

function array(shape: number[], ...data: number[]): NdArray {
  return { shape, data: Float64Array.from(data) };
}

interface Batch {
  readonly output: NdArray;
  readonly target: NdArray;
  readonly coefficient: NdArray;
}

function evaluate(loss: Loss, batch: Batch) {
  const results = interpret(lossGraph(loss, batch.output.shape), new Map(Object.entries(batch)));
  // Adding 0 makes every zero a positive one.
  const data = (name: string) => (results.get(name)?.data ?? new Float64Array()).map((value) => value + 0);
  const first = (name: string) => data(name)[0] ?? Number.NaN;
  return {
    total: first('total'),
    gradient: data('gradient'),
    mass: data('mass'),
    right: first('right'),
    counted: first('counted'),
  };
}

describe('known answers', () => {
  it('softmax_ce: uniform logits cost log C, and the gradient is softmax minus one-hot', () => {
    const { total, gradient, mass, right, counted } = evaluate(
      { type: 'softmax_ce' },
      {
        output: array([2, 4], 1, 1, 1, 1, 0, 0, Math.log(3), 0),
        target: array([2], 0, 2),
        coefficient: array([2], 1, 2),
      },
    );
    expect(total).toBeCloseTo(Math.log(4) + 2 * Math.log(2), 12);
    const expected = [-0.75, 0.25, 0.25, 0.25, 1 / 3, 1 / 3, -1, 1 / 3];
    expect(worstDifference(gradient, expected)).toBeLessThan(1e-12);
    // The first row ties; the first maximum is its label.
    expect([right, counted, ...mass]).toEqual([3, 3, 1, 1]);
  });

  it('softmax_ce: a class of weight 3 costs three times as much and weighs three times as much', () => {
    const output = array([2, 2], 0, 0, 0, 0);
    const { total, gradient, mass, right, counted } = evaluate(
      { type: 'softmax_ce', classWeights: [1, 3] },
      { output, target: array([2], 0, 1), coefficient: array([2], 1, 1) },
    );
    expect(total).toBeCloseTo(4 * Math.log(2), 12);
    expect(worstDifference(gradient, [-0.5, 0.5, 1.5, -1.5])).toBeLessThan(1e-12);
    expect(Array.from(mass)).toEqual([1, 3]);
    // A share of right predictions is one of examples, whatever their class weighs.
    expect([right, counted]).toEqual([1, 2]);
  });

  it('softmax_ce: with half of the target spread over two classes, odds of 3 to 1 are the best answer', () => {
    const { total, gradient } = evaluate(
      { type: 'softmax_ce', labelSmoothing: 0.5 },
      { output: array([1, 2], Math.log(3), 0), target: array([1], 0), coefficient: array([1], 1) },
    );
    expect(total).toBeCloseTo(Math.log(4) - 0.75 * Math.log(3), 12);
    expect(worstDifference(gradient, [0, 0])).toBeLessThan(1e-12);
  });

  it.each([2, -100, 7])('softmax_ce: the ignored label %d adds nothing', (ignoreIndex) => {
    const { total, gradient, mass, right, counted } = evaluate(
      { type: 'softmax_ce', ignoreIndex },
      {
        output: array([2, 3], 0, 0, 9, 0, 0, 0),
        target: array([2], ignoreIndex, 1),
        coefficient: array([2], 5, 1),
      },
    );
    expect(total).toBeCloseTo(Math.log(3), 12);
    expect(worstDifference(gradient, [0, 0, 0, 1 / 3, -2 / 3, 1 / 3])).toBeLessThan(1e-12);
    expect([right, counted, ...mass]).toEqual([0, 1, 0, 1]);
  });

  it('sequence_ce: every token counts, and an example weighs as many as it has', () => {
    const { total, gradient, mass, right, counted } = evaluate(
      { type: 'sequence_ce', ignoreIndex: -1 },
      {
        output: array([2, 2, 2], 0, 0, 0, 0, 0, Math.log(3), 4, 4),
        target: array([2, 2], 0, 1, 1, -1),
        coefficient: array([2], 1, 2),
      },
    );
    expect(total).toBeCloseTo(2 * Math.log(2) + 2 * Math.log(4 / 3), 12);
    expect(worstDifference(gradient, [-0.5, 0.5, 0.5, -0.5, 0.5, -0.5, 0, 0])).toBeLessThan(1e-12);
    expect(Array.from(mass)).toEqual([2, 1]);
    expect([right, counted]).toEqual([3, 4]);
  });

  it('mse: the mean over the elements of an example, weighted over examples', () => {
    const batch = {
      output: array([2, 2], 1, 2, 3, 4),
      target: array([2, 2], 0, 2, 1, 0),
      coefficient: array([2], 1, 0.5),
    };
    const { total, gradient, right, counted } = evaluate({ type: 'mse' }, batch);
    expect(total).toBeCloseTo(1 / 2 + (0.5 * (4 + 16)) / 2, 12);
    expect(worstDifference(gradient, [1, 0, 1, 2])).toBeLessThan(1e-12);
    expect([right, counted]).toEqual([0, 0]);
  });

  it('mae: the distance, whose slope is a sign, and 0 where there is none', () => {
    const batch = {
      output: array([2, 2], 1, 2, -3, 4),
      target: array([2, 2], 0, 2, 1, 0),
      coefficient: array([2], 1, 0.5),
    };
    const { total, gradient } = evaluate({ type: 'mae' }, batch);
    expect(total).toBeCloseTo(1 / 2 + (0.5 * (4 + 4)) / 2, 12);
    expect(worstDifference(gradient, [0.5, 0, -0.25, 0.25])).toBeLessThan(1e-12);
  });

  it('huber: a parabola up to delta, a line beyond', () => {
    const batch = {
      output: array([5, 1], 0.5, 1, 2, -3, 0),
      target: array([5, 1], 0, 0, 0, 0, 0),
      coefficient: array([5], 1, 10, 100, 1000, 10_000),
    };
    const { total, gradient } = evaluate({ type: 'huber', delta: 1 }, batch);
    expect(total).toBeCloseTo(0.125 + 10 * 0.5 + 100 * 1.5 + 1000 * 2.5, 9);
    expect(worstDifference(gradient, [0.5, 10, 100, -1000, 0])).toBeLessThan(1e-12);
  });

  it('bce_logits: log 2 at zero, finite far out, right by sign', () => {
    const { total, gradient, right, counted } = evaluate(
      { type: 'bce_logits' },
      {
        output: array([3, 1], 0, 800, -800),
        target: array([3, 1], 1, 0, 0),
        coefficient: array([3], 1, 1, 1),
      },
    );
    expect(total).toBeCloseTo(Math.log(2) + 800, 9);
    expect(worstDifference(gradient, [-0.5, 1, 0])).toBeLessThan(1e-12);
    expect([right, counted]).toEqual([1, 3]);
  });

  it.each<Loss>([{ type: 'softmax_ce' }, { type: 'softmax_ce', labelSmoothing: 0.1, classWeights: [1, 2] }])(
    'softmax_ce is finite where exponentials are not: %j',
    (loss) => {
      const batch = { target: array([2], 1, 0), coefficient: array([2], 1, 1) };
      const { total, gradient } = evaluate(loss, { ...batch, output: array([2, 2], 1e4, 0, -1e4, -1e4) });
      expect(total).toBeGreaterThan(9000);
      expect(total).toBeLessThan(30_000);
      for (const value of gradient) expect(Math.abs(value)).toBeLessThanOrEqual(2);
      expect(evaluate(loss, { ...batch, output: array([2, 2], Number.NaN, 0, 1, 0) }).right).toBe(1);
    },
  );
});

const CLASSES = 4;
const classWeights = [0.5, 2, 0, 1.5];

type CrossEntropyOptions = Omit<Extract<Loss, { type: 'softmax_ce' }>, 'type'>;

const CROSS_ENTROPIES: [name: string, options: CrossEntropyOptions][] = [
  ['plain', {}],
  ['class weights', { classWeights }],
  ['smoothing', { labelSmoothing: 0.2 }],
  ['smoothing and class weights', { labelSmoothing: 0.2, classWeights }],
  ['an ignored class', { ignoreIndex: 1 }],
  ['an ignored label that is no class', { ignoreIndex: -100 }],
  ['all at once', { classWeights, labelSmoothing: 0.3, ignoreIndex: 1 }],
  ['all at once, beyond the classes', { classWeights, labelSmoothing: 0.3, ignoreIndex: 99 }],
];

const CASES: [name: string, loss: Loss, output: readonly number[]][] = [
  ...CROSS_ENTROPIES.flatMap(([name, options]): [string, Loss, number[]][] => [
    [`softmax_ce, ${name}`, { type: 'softmax_ce', ...options }, [5, CLASSES]],
    [`sequence_ce, ${name}`, { type: 'sequence_ce', ...options }, [3, 5, CLASSES]],
  ]),
  ['sequence_ce of one token', { type: 'sequence_ce' }, [3, 1, CLASSES]],
  ['sequence_ce of one example', { type: 'sequence_ce', ignoreIndex: 0 }, [1, 6, CLASSES]],
  ...(['bce_logits', 'mse', 'mae'] as const).flatMap((type): [string, Loss, number[]][] => [
    [`${type} of numbers`, { type }, [6]],
    [`${type} of rows`, { type }, [3, 4]],
    [`${type} of images`, { type }, [3, 2, 3]],
  ]),
  ['huber, mostly lines', { type: 'huber', delta: 0.25 }, [3, 4]],
  ['huber, mostly parabolas', { type: 'huber', delta: 1.5 }, [3, 2, 2]],
];

describe.each(CASES)('%s', (_, loss, shape) => {
  const isCrossEntropy = loss.type === 'softmax_ce' || loss.type === 'sequence_ce';

  /** The first label is an ignored one where there are any. */
  function draw(seed: number): Batch {
    const random = numbers(seed);
    const output = uniform(random, shape, -2, 2);
    const coefficient = uniform(random, shape.slice(0, 1), 0.1, 1);
    if (!isCrossEntropy) return { output, target: uniform(random, shape, 0, 1), coefficient };
    const labels = Float64Array.from({ length: output.data.length / CLASSES }, () => random.below(CLASSES));
    if (loss.ignoreIndex !== undefined) labels[0] = loss.ignoreIndex;
    return { output, target: { shape: shape.slice(0, -1), data: labels }, coefficient };
  }

  /** Of each example, by the twin. */
  function examplesOf({ output, target }: Batch) {
    const count = shape[0] ?? 0;
    const part = ({ data }: NdArray, at: number) =>
      Array.from(data.subarray((at * data.length) / count, ((at + 1) * data.length) / count));
    return Array.from({ length: count }, (_, at) => {
      const row = part(output, at);
      const width = isCrossEntropy ? CLASSES : row.length;
      const rows = Array.from({ length: row.length / width }, (_, unit) =>
        row.slice(unit * width, (unit + 1) * width),
      );
      return exampleLoss(loss, rows, part(target, at));
    });
  }

  function weighted(batch: Batch, part: 'loss' | 'right' | 'counted'): number {
    return examplesOf(batch).reduce((sum, one, at) => sum + one[part] * (batch.coefficient.data[at] ?? 0), 0);
  }

  it('is its textbook formula', () => {
    const batch = draw(1);
    const { total, mass, right, counted } = evaluate(loss, batch);
    // Class weights, smoothing and delta are float32 in the graph.
    expect(total).toBeCloseTo(weighted(batch, 'loss'), 6);
    expect(total).toBeGreaterThan(0.01);
    const masses = examplesOf(batch).map((one) => one.mass);
    expect(worstDifference(mass, masses)).toBeLessThan(1e-6);
    expect(right).toBeCloseTo(weighted(batch, 'right'), 6);
    expect(counted).toBeCloseTo(weighted(batch, 'counted'), 6);
  });

  it('has the gradient that central differences of the formula find', () => {
    const batch = draw(2);
    const { gradient } = evaluate(loss, batch);
    const step = 1e-5;
    const numeric = batch.output.data.map((value, at) => {
      const totalAt = (moved: number) =>
        weighted({ ...batch, output: { shape, data: batch.output.data.with(at, moved) } }, 'loss');
      return (totalAt(value + step) - totalAt(value - step)) / (2 * step);
    });
    expect(worstDifference(gradient, numeric)).toBeLessThan(1e-7);
    expect(worstDifference(gradient, new Float64Array(gradient.length))).toBeGreaterThan(0.01);
  });

  it('takes nothing from an example of coefficient zero', () => {
    const batch = draw(3);
    const last = (shape[0] ?? 0) - 1;
    const size = batch.output.data.length / (last + 1);
    const masked = {
      ...batch,
      coefficient: { ...batch.coefficient, data: batch.coefficient.data.with(last, 0) },
    };
    const moved = { shape, data: batch.output.data.map((v, at) => (at >= last * size ? 3 * v + at : v)) };
    const results = ({ mass: _, ...rest }: ReturnType<typeof evaluate>) => rest;
    const before = evaluate(loss, masked);
    expect(results(evaluate(loss, { ...masked, output: moved }))).toEqual(results(before));
    expect(evaluate(loss, { ...batch, output: moved }).total).not.toBe(evaluate(loss, batch).total);
  });

  it.skipIf(!hasRuntime)('is the same in ONNX Runtime', async () => {
    const batch = draw(4);
    const run = await load32(encodeModel(lossGraph(loss, shape)));
    const { target } = batch;
    const y = isCrossEntropy ? { ...target, data: Int32Array.from(target.data) } : target;
    const results = await run(new Map<string, Feed>(Object.entries({ ...batch, target: y })));
    const expected = evaluate(loss, batch);
    for (const name of ['total', 'right', 'counted'] as const)
      expect(worstDifference(results.get(name) ?? [], [expected[name]])).toBeLessThan(2e-6);
    for (const name of ['gradient', 'mass'] as const)
      expect(worstDifference(results.get(name) ?? [], expected[name])).toBeLessThan(2e-6);
  });
});

describe('what a loss takes', () => {
  it('softmax_ce wants two axes, sequence_ce three, the others at least one', () => {
    const targetOf = (loss: Loss, output: number[]) => lossRule(loss).target(output);
    expect(targetOf({ type: 'softmax_ce' }, [8, 3])).toEqual({ type: 'int32', shape: [8] });
    expect(targetOf({ type: 'softmax_ce' }, [8, 3, 2])).toBe('logits [B, C]');
    expect(targetOf({ type: 'sequence_ce' }, [8, 5, 3])).toEqual({ type: 'int32', shape: [8, 5] });
    expect(targetOf({ type: 'sequence_ce' }, [8, 3])).toBe('logits [B, T, C]');
    expect(targetOf({ type: 'bce_logits' }, [8])).toEqual({ type: 'float32', shape: [8] });
    expect(targetOf({ type: 'bce_logits' }, [])).toBe('logits [B, ...]');
    for (const loss of [{ type: 'mse' }, { type: 'mae' }, { type: 'huber', delta: 1 }] as const) {
      expect(targetOf(loss, [8, 3, 2])).toEqual({ type: 'float32', shape: [8, 3, 2] });
      expect(targetOf(loss, [])).toBe('outputs [B, ...]');
    }
  });

  it('as many classes as there are class weights', () => {
    const weights = { classWeights: [1, 2, 3] };
    expect(lossRule({ type: 'softmax_ce', ...weights }).target([8, 3])).toMatchObject({ type: 'int32' });
    expect(lossRule({ type: 'softmax_ce', ...weights }).target([8, 4])).toMatch('C = 3');
    expect(lossRule({ type: 'sequence_ce', ...weights }).target([8, 2, 4])).toMatch('C = 3');
  });
});

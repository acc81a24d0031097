// covers: client/graph/losses/loss-rules.ts, client/graph/losses/loss-rule.ts, client/graph/losses/cross-entropy.ts, client/graph/losses/elementwise-loss.ts, client/graph/losses/mean-squared-error.ts, client/graph/losses/mean-absolute-error.ts, client/graph/losses/huber.ts, client/graph/losses/binary-cross-entropy.ts
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { lossRule } from '../../../../client/graph/losses/loss-rules.ts';
import { encodeModel } from '../../../../client/graph/onnx-encode.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import type { Loss } from '../../../../schemas/training.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

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
  return g.finish([
    { name: 'total', value: terms.total },
    { name: 'gradient', value: terms.gradient() },
    { name: 'correct', value: right },
    { name: 'counted', value: counted },
  ]);
}

function array(shape: number[], ...data: number[]): NdArray {
  return { shape, data: Float64Array.from(data) };
}

/** Total, gradient and weight of the right predictions. */
function evaluate(loss: Loss, output: NdArray, target: NdArray, coefficient: NdArray) {
  const results = interpret(
    lossGraph(loss, output.shape),
    new Map([
      ['output', output],
      ['target', target],
      ['coefficient', coefficient],
    ]),
  );
  // Adding 0 makes every zero a positive one.
  const data = (name: string) => (results.get(name)?.data ?? new Float64Array()).map((value) => value + 0);
  return { total: data('total')[0] ?? Number.NaN, gradient: data('gradient'), correct: data('correct')[0] };
}

describe('known answers', () => {
  it('softmax_ce: uniform logits cost log C, and the gradient is softmax minus one-hot', () => {
    const { total, gradient, correct } = evaluate(
      { type: 'softmax_ce' },
      array([2, 4], 1, 1, 1, 1, 0, 0, Math.log(3), 0),
      array([2], 0, 2),
      array([2], 1, 2),
    );
    expect(total).toBeCloseTo(Math.log(4) + 2 * Math.log(2), 12);
    const expected = [-0.75, 0.25, 0.25, 0.25, 1 / 3, 1 / 3, -1, 1 / 3];
    expect(worstDifference(gradient, expected)).toBeLessThan(1e-12);
    // The first row ties; the first maximum is its label.
    expect(correct).toBe(3);
  });

  it('mse: the mean over the elements of an example, weighted over examples', () => {
    const { total, gradient } = evaluate(
      { type: 'mse' },
      array([2, 2], 1, 2, 3, 4),
      array([2, 2], 0, 2, 1, 0),
      array([2], 1, 0.5),
    );
    expect(total).toBeCloseTo(1 / 2 + (0.5 * (4 + 16)) / 2, 12);
    expect(worstDifference(gradient, [1, 0, 1, 2])).toBeLessThan(1e-12);
  });

  it('bce_logits: log 2 at zero, finite far out, right by sign', () => {
    const { total, gradient, correct } = evaluate(
      { type: 'bce_logits' },
      array([3, 1], 0, 800, -800),
      array([3, 1], 1, 0, 0),
      array([3], 1, 1, 1),
    );
    expect(total).toBeCloseTo(Math.log(2) + 800, 9);
    expect(worstDifference(gradient, [-0.5, 1, 0])).toBeLessThan(1e-12);
    expect(correct).toBe(1);
  });
});

describe.each<Loss>([{ type: 'softmax_ce' }, { type: 'mse' }, { type: 'bce_logits' }])('$type', (loss) => {
  const shape = [3, 4];
  const draw = (seed: number) => {
    const random = numbers(seed);
    const output = uniform(random, shape, -2, 2);
    const target =
      loss.type === 'softmax_ce'
        ? array([3], ...[0, 1, 2].map(() => random.below(4)))
        : uniform(random, shape, 0, 1);
    return { output, target, coefficient: uniform(random, [3], 0.1, 1) };
  };

  it('has the gradient that central differences find', () => {
    const { output, target, coefficient } = draw(1);
    const { gradient } = evaluate(loss, output, target, coefficient);
    const step = 1e-5;
    const numeric = output.data.map((value, at) => {
      const totalAt = (moved: number) =>
        evaluate(loss, { shape, data: output.data.with(at, moved) }, target, coefficient).total;
      return (totalAt(value + step) - totalAt(value - step)) / (2 * step);
    });
    expect(worstDifference(gradient, numeric)).toBeLessThan(1e-9);
  });

  it('takes nothing from an example of coefficient zero', () => {
    const { output, target, coefficient } = draw(2);
    const masked = { shape: [3], data: coefficient.data.with(1, 0) };
    const elsewhere = {
      shape,
      data: output.data.map((value, at) => (at >= 4 && at < 8 ? value + 1 : value)),
    };
    const before = evaluate(loss, output, target, masked);
    expect(evaluate(loss, elsewhere, target, masked)).toEqual(before);
    expect(evaluate(loss, elsewhere, target, coefficient).total).not.toBe(before.total);
  });

  it.skipIf(!hasRuntime)('is the same in ONNX Runtime', async () => {
    const { output, target, coefficient } = draw(3);
    const run = await load32(encodeModel(lossGraph(loss, shape)));
    const labels = { shape: target.shape, data: Int32Array.from(target.data) };
    const results = await run(
      new Map<string, NdArray | typeof labels>([
        ['output', output],
        ['target', loss.type === 'softmax_ce' ? labels : target],
        ['coefficient', coefficient],
      ]),
    );
    const expected = evaluate(loss, output, target, coefficient);
    expect(worstDifference(results.get('total') ?? [], [expected.total])).toBeLessThan(1e-6);
    expect(worstDifference(results.get('gradient') ?? [], expected.gradient)).toBeLessThan(1e-6);
    expect(results.get('correct')?.[0]).toBeCloseTo(expected.correct ?? Number.NaN, 5);
  });
});

describe('what a loss takes', () => {
  it('softmax_ce wants two axes, the others at least one', () => {
    expect(lossRule({ type: 'softmax_ce' }).target([8, 3])).toEqual({ type: 'int32', shape: [8] });
    expect(lossRule({ type: 'softmax_ce' }).target([8, 3, 2])).toBe('logits [B, C]');
    expect(lossRule({ type: 'mse' }).target([8, 3, 2])).toEqual({ type: 'float32', shape: [8, 3, 2] });
    expect(lossRule({ type: 'mse' }).target([])).toBe('outputs [B, ...]');
    expect(lossRule({ type: 'bce_logits' }).target([8])).toEqual({ type: 'float32', shape: [8] });
    expect(lossRule({ type: 'bce_logits' }).target([])).toBe('logits [B, ...]');
  });
});

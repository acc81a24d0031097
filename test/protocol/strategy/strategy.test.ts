// covers: protocol/strategy/strategy.ts, protocol/strategy/strategy-of.ts
import fc from 'fast-check';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { strategyOf } from '../../../protocol/strategy/strategy-of.ts';
import { bytesOf } from '../../../protocol/vector.ts';
import { Strategy as StrategySpec } from '../../../schemas/strategy.ts';
import { trajectory } from './twins.ts';

const specs: StrategySpec[] = [
  { type: 'fedavg', serverLearningRate: 0.7 },
  { type: 'fedavgm', serverLearningRate: 0.3, momentum: 0.9 },
  { type: 'fedadam', serverLearningRate: 0.01, beta1: 0.9, beta2: 0.99, tau: 1e-3 },
];
const numbers = fc.double({ min: -1e3, max: 1e3, noNaN: true });
/** A model, and means for some rounds. */
const runs = fc.integer({ min: 1, max: 8 }).chain((length) =>
  fc.record({
    start: fc.array(numbers, { minLength: length, maxLength: length }),
    means: fc.array(fc.array(numbers, { minLength: length, maxLength: length }), {
      minLength: 1,
      maxLength: 6,
    }),
  }),
);

describe.each(specs)('$type', (spec) => {
  const strategy = strategyOf(spec);

  test('gives the bits of its slow twin, with the state stored and read between rounds', () => {
    fc.assert(
      fc.property(runs, ({ start, means }) => {
        let model = Float32Array.from(start);
        let state = strategy.init(start.length);
        const models = means.map((mean) => {
          const step = strategy.apply(state, model, Float64Array.from(mean));
          state = strategy.decode(bytesOf(strategy.encode(step.state)), start.length);
          model = step.model;
          return [...model];
        });
        const twins = start.map((value, i) =>
          trajectory(
            spec,
            value,
            means.map((mean) => mean[i] ?? 0),
          ),
        );
        expect(models).toEqual(means.map((_, round) => twins.map((twin) => twin[round])));
      }),
    );
  });

  test('gives the same bits for many parameters as for one', () => {
    const length = 20_011;
    const values = (scale: number) => Array.from({ length }, (_, i) => scale * Math.sin(i));
    const [start, mean] = [values(1), values(0.1)];
    const { model } = strategy.apply(
      strategy.init(length),
      Float32Array.from(start),
      Float64Array.from(mean),
    );
    expect([...model]).toEqual(start.map((value, i) => trajectory(spec, value, [mean[i] ?? 0])[0]));
  });

  test('modifies nothing it was given', () => {
    const model = Float32Array.of(1, 2, 3);
    const mean = Float64Array.of(0.1, 0.2, 0.3);
    const { state } = strategy.apply(strategy.init(3), model, mean);
    const before = state.slice();
    const next = strategy.apply(state, model, mean);
    next.model.fill(0);
    next.state.fill(0);
    expect(state).toEqual(before);
    expect(model).toEqual(Float32Array.of(1, 2, 3));
    expect(mean).toEqual(Float64Array.of(0.1, 0.2, 0.3));
  });

  test('does not release a model that is not finite', () => {
    const length = 7;
    const apply = (value: number, at: number) => () => {
      const mean = new Float64Array(length);
      mean[at] = value;
      return strategy.apply(strategy.init(length), new Float32Array(length).fill(3e38), mean);
    };
    for (let at = 0; at < length; at += 1) {
      expect(apply(1, at)).not.toThrow();
      for (const poison of [1e300, Number.NaN, Number.NEGATIVE_INFINITY])
        expect(apply(poison, at)).toThrow(expect.objectContaining({ code: 'aggregateInvalid' }));
    }
  });

  test('refuses the state and the mean of another model', () => {
    const model = Float32Array.of(1, 2);
    expect(() => strategy.apply(strategy.init(2), model, new Float64Array(2))).not.toThrow();
    expect(() => strategy.apply(strategy.init(2), model, new Float64Array(3))).toThrow(RangeError);
    expect(() => strategy.decode(bytesOf(strategy.init(2)), 2)).not.toThrow();
    const foreign = new Uint8Array(bytesOf(strategy.init(2)).length + 4);
    expect(() => strategy.decode(foreign, 2)).toThrow(expect.objectContaining({ code: 'invalidLength' }));
  });

  test('has a closed shape', () => {
    expect(Value.Check(StrategySpec, spec)).toBe(true);
    expect(Value.Check(StrategySpec, { ...spec, more: 1 })).toBe(false);
    expect(Value.Check(StrategySpec, { ...spec, serverLearningRate: 0 })).toBe(false);
  });
});

test('only strategies with blocks of state need it stored', () => {
  expect(specs.map((spec) => strategyOf(spec).isStateless)).toEqual([true, false, false]);
  expect(specs.map((spec) => strategyOf(spec).init(3).length)).toEqual([0, 3, 6]);
});

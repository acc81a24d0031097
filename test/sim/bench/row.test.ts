// covers: sim/bench/row.ts, sim/bench/measure.ts
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cpuMsInTurns, cpuSeconds, median } from '../../../sim/bench/measure.ts';
import { type RowDefinition, resultOf } from '../../../sim/bench/row.ts';

const row = (asked: RowDefinition['asked']): RowDefinition => ({
  name: 'a/row',
  unit: 'ms',
  what: 'something',
  asked,
  measure: () => Promise.reject(new Error('not measured here')),
});

test('the median has as many numbers below as above', () => {
  expect([median([3]), median([4, 1]), median([9, 1, 2]), median([1, 2, 3, 10])]).toEqual([3, 2.5, 2, 2.5]);
  expect(() => median([])).toThrow(RangeError);
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (numbers) => {
      const middle = median(numbers);
      const below = numbers.filter((number) => number < middle).length;
      const above = numbers.filter((number) => number > middle).length;
      expect(Math.max(below, above)).toBeLessThanOrEqual(numbers.length / 2);
    }),
  );
});

test('a result is the median and its ratio to that of the baseline', () => {
  const result = resultOf(row([{ of: 'value', atMost: 4 }]), {
    values: [1, 9, 3],
    baselines: [6, 5, 70],
    more: { peakMB: 12.3456 },
  });
  expect(result).toEqual({
    name: 'a/row',
    value: 3,
    unit: 'ms',
    baseline: 6,
    ratio: 0.5,
    peakMB: 12.35,
    min: 1,
    max: 9,
    runs: 3,
    asked: 'value <= 4',
    met: true,
  });
  expect(Object.keys(result).slice(0, 5)).toEqual(['name', 'value', 'unit', 'baseline', 'ratio']);
});

test.each<[asked: RowDefinition['asked'], met: boolean]>([
  [[{ of: 'value', atMost: 3 }], true],
  [[{ of: 'value', atMost: 2.9 }], false],
  [[{ of: 'value', atLeast: 3 }], true],
  [[{ of: 'value', atLeast: 3.1 }], false],
  [[{ of: 'ratio', atMost: 0.5 }], true],
  [[{ of: 'ratio', atMost: 0.4 }], false],
  [
    [
      { of: 'value', atMost: 3 },
      { of: 'peakMB', atMost: 12 },
    ],
    false,
  ],
  [[{ of: 'peakMB', atLeast: 12, atMost: 13 }], true],
  [[{ of: 'misspelt', atMost: 1e9 }], false],
  [[], true],
])('what is asked: %j is met: %s', (asked, met) => {
  const measured = { values: [3], baselines: [6], more: { peakMB: 12.3 } };
  expect(resultOf(row(asked), measured).met).toBe(met);
});

test('processor time grows with the work; value and baseline take turns after a round that does not count', async () => {
  const spin = (times: number) => {
    let sum = 0;
    for (let i = 0; i < times * 1e6; i += 1) sum += Math.sqrt(i);
    return sum;
  };
  expect(await cpuSeconds(() => spin(20))).toBeGreaterThan(0);
  const order: string[] = [];
  const { values, baselines } = await cpuMsInTurns(
    async () => {
      order.push('value');
      return { units: 1 };
    },
    async () => {
      order.push('baseline');
      return { units: 1 };
    },
    2,
  );
  expect([values.length, baselines.length]).toEqual([2, 2]);
  expect(order).toEqual(['value', 'baseline', 'value', 'baseline', 'value', 'baseline']);
});

/** What is told of keys that nobody listed, and the threshold that hides a person alone. */
import { expect, test } from 'vitest';
import { pldEpsilon } from '../../../../protocol/dp/pld-accountant.ts';
import { answerKeys, planKeys } from '../../../../protocol/dp/statistics/unknown-keys.ts';
import { random } from './tables.ts';

const rowsOf = (key: string, count: number) =>
  Array.from({ length: count }, (_, at) => [`${key}${at}`, key] as const);
const columnOf = (rows: readonly (readonly [string, string | undefined])[]) => ({
  persons: rows.map(([person]) => person),
  keys: rows.map(([, key]) => key),
});

test.each([
  [1, 1e-5, 1],
  [0.5, 1e-6, 3],
  [3, 1e-9, 2],
  [6, 1e-3, 1],
])(
  'epsilon %d, delta %d, %d keys: the threshold is the least that hides a person alone',
  (epsilon, delta, most) => {
    const { threshold, event } = planKeys(epsilon, delta, most);
    const a = epsilon / most;
    // Term by term, from the far end.
    const seenFrom = (t: number) => {
      let tail = 0;
      for (let x = t - 1 + Math.ceil(800 / a); x >= t - 1; x -= 1)
        tail += Math.tanh(a / 2) * Math.exp(-a * x);
      return 1 - (1 - tail) ** most;
    };
    expect(seenFrom(threshold)).toBeLessThanOrEqual(delta * (1 + 1e-6));
    if (threshold > 2) expect(seenFrom(threshold - 1)).toBeGreaterThan(delta);
    expect(pldEpsilon(event, 'add-or-remove-one', delta * 1.0001)).toBeLessThanOrEqual(epsilon * 1.001);
    if (most === 3) expect(planKeys(epsilon, delta, 4).threshold).toBeGreaterThan(threshold);
  },
);

test('keys of many are told with about how many, the largest first; others are not', () => {
  const plan = planKeys(2, 1e-6, 1);
  const column = columnOf([
    ...rowsOf('red', 40),
    ...rowsOf('blue', 90),
    ...rowsOf('rare', 2),
    ['x', undefined],
  ]);
  const told = answerKeys(plan, column, random(1));
  expect(told.map(({ key }) => key)).toEqual(['blue', 'red']);
  expect(Math.abs((told[0]?.count ?? 0) - 90)).toBeLessThan(12);
  expect(answerKeys(plan, columnOf([]), random(1))).toEqual([]);
});

test('all rows of one person are as many keys as that person may have', () => {
  const plan = { ...planKeys(1, 1e-6, 2), threshold: -1e6 };
  const column = columnOf(Array.from({ length: 50 }, (_, at) => ['a', `key${at}`] as const));
  expect(answerKeys(plan, column, random(3))).toHaveLength(2);
});

test.each<[string, () => unknown, () => unknown]>([
  ['no delta', () => planKeys(1, 0, 1), () => planKeys(1, 1e-9, 1)],
  ['a large delta', () => planKeys(1, 0.1, 1), () => planKeys(1, 1e-3, 1)],
  ['no keys', () => planKeys(1, 1e-6, 0), () => planKeys(1, 1e-6, 1)],
])('%s is refused', (_, bad, good) => {
  expect(bad).toThrow(expect.objectContaining({ code: 'statisticRefused' }));
  expect(good).not.toThrow();
});

import { expect, test } from 'vitest';
import { isDroppedOut, parseDropoutPlan } from '../../client/dropout-plan.ts';

test('in every attempt exactly as many drop out as were asked for, and not always the same', async () => {
  const nodes = Array.from({ length: 10 }, (_, i) => parseDropoutPlan(`2/10/${i}`));
  const drawn = await Promise.all(
    Array.from({ length: 20 }, async (_, round) => {
      const out = await Promise.all(
        nodes.map((plan) => isDroppedOut(plan, 'seed', { round: round + 1, attempt: 1 })),
      );
      return out.flatMap((isOut, i) => (isOut ? [i] : [])).join();
    }),
  );
  for (const pair of drawn) expect(pair.split(',')).toHaveLength(2);
  expect(new Set(drawn).size).toBeGreaterThan(5);
});

test('another attempt or another seed is another draw', async () => {
  const plan = { dropped: 5, nodes: 10, index: 0 };
  const draws = await Promise.all(
    Array.from({ length: 40 }, (_, attempt) => isDroppedOut(plan, 'seed', { round: 1, attempt })),
  );
  expect(new Set(draws)).toEqual(new Set([true, false]));
  const others = await Promise.all(
    Array.from({ length: 40 }, (_, i) => isDroppedOut(plan, `seed ${i}`, { round: 1, attempt: 1 })),
  );
  expect(new Set(others)).toEqual(new Set([true, false]));
});

test.each(['', '2', '2/10', '11/10/3', '2/10/10', '-1/10/3', '2/10/3/4', 'a/b/c'])(
  '%j is no plan',
  (text) => {
    expect(() => parseDropoutPlan(text)).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(parseDropoutPlan('2/10/3')).toEqual({ dropped: 2, nodes: 10, index: 3 });
  },
);

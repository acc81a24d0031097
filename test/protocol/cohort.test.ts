import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeSpan, drawCohort } from '../../protocol/cohort.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';

const numbers = (seed: number) => new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));
const node = (i: number) => i.toString(16).padStart(32, '0');
const nodes = (count: number) => Array.from({ length: count }, (_, i) => node(i));

test('a cohort is of the candidates, each once, in order, as many as wanted or as there are', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40).map(node)), fc.nat(30), fc.nat(255), (candidates, size, seed) => {
      const cohort = drawCohort(candidates, size, numbers(seed));
      const distinct = new Set(candidates);
      expect(cohort.every((id) => distinct.has(id))).toBe(true);
      expect(cohort.length).toBe(Math.min(size, distinct.size));
      expect(cohort).toEqual([...new Set(cohort)].sort());
    }),
  );
});

test('the same candidates and the same randomness give the same cohort, in whatever order they came', () => {
  const candidates = nodes(20);
  const cohort = drawCohort(candidates, 5, numbers(1));
  expect(drawCohort([...candidates].reverse(), 5, numbers(1))).toEqual(cohort);
  expect(drawCohort(new Set([...candidates, node(3)]), 5, numbers(1))).toEqual(cohort);
  expect(drawCohort(candidates, 5, numbers(2))).not.toEqual(cohort);
  expect(candidates).toEqual(nodes(20));
});

test('known answer: the shuffle of SPEC.md 2.4, by hand, with words 0, 0, 0', () => {
  // Items 0 1 2 3; i = 3 swaps 3 and 0, i = 2 swaps 2 and 0, i = 1 swaps 1 and 0: 1 2 3 0 becomes the order.
  const zeros = new RandomNumbers({ fill: (target) => target.fill(0) });
  expect(drawCohort(nodes(4), 2, zeros)).toEqual([node(1), node(2)]);
});

test('every pair is drawn equally often: chi-square over a fixed seed', () => {
  const source = numbers(3);
  const counts = new Map<string, number>();
  for (let i = 0; i < 15_000; i += 1) {
    const pair = drawCohort(nodes(6), 2, source).join();
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  expect(counts.size).toBe(15);
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  expect(chiSquare).toBeLessThan(36.1); // 0.999 quantile with 14 degrees of freedom
});

test.each([
  [2, 5, '2 to 5'],
  [2, 2, '2'],
])('from %i to %i is told as %j', (least, most, told) => {
  expect(describeSpan(least, most)).toBe(told);
});

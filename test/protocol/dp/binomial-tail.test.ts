/** Tails against the plain sum and what is known of them. */
import { expect, test } from 'vitest';
import { binomialTail } from '../../../protocol/dp/binomial-tail.ts';
import { logBinomial } from '../../../protocol/dp/special-functions.ts';

test.each([
  [10, 0.3, 4],
  [200, 0.2, 55],
  [1000, 0.05, 81],
  [1000, 0.05, 20],
  [500, 1e-4, 3],
])('n = %i, q = %d, from %i on', (n, q, k) => {
  let sum = 0;
  for (let x = n; x >= k; x -= 1)
    sum += Math.exp(logBinomial(n, x) + x * Math.log(q) + (n - x) * Math.log1p(-q));
  expect(binomialTail(n, q, k) / sum).toBeCloseTo(1, 11);
});

test('at the ends', () => {
  expect(binomialTail(10, 0.5, 0)).toBe(1);
  expect(binomialTail(10, 0.5, 11)).toBe(0);
  expect(binomialTail(10, 0, 1)).toBe(0);
  expect(binomialTail(10, 1, 10)).toBe(1);
  expect(binomialTail(11, 0.5, 6)).toBeCloseTo(0.5, 14);
});

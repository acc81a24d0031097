import fc from 'fast-check';
import { expect, it } from 'vitest';
import { logarithm } from '../../../../client/graph/optimizers/logarithm.ts';

/** |a - b| in units of the last place of b. */
function unitsApart(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(2 ** (Math.floor(Math.log2(Math.abs(b))) - 52), Number.MIN_VALUE);
}

it('is the logarithm to the last digits, from the smallest number to the largest', () => {
  expect(logarithm(1)).toBe(0);
  expect(logarithm(2)).toBe(Math.LN2);
  expect(logarithm(0.5)).toBe(-Math.LN2);
  for (const x of [Number.MIN_VALUE, 1e-300, 0.9, 0.999, 1 - 2 ** -53, Math.E, 10, 1e300, Number.MAX_VALUE])
    expect(unitsApart(logarithm(x), Math.log(x))).toBeLessThanOrEqual(4);
  const positive = fc.double({ min: 1e-12, max: 1e12, noNaN: true }).filter((x) => x !== 1);
  fc.assert(fc.property(positive, (x) => unitsApart(logarithm(x), Math.log(x)) <= 8));
});

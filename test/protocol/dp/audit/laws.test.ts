// covers: protocol/dp/audit/continued-fraction.ts, protocol/dp/audit/chi-square.ts, protocol/dp/audit/incomplete-beta.ts
/** Known answers: mpmath 1.3.0 with 40 digits, quantiles by SciPy 1.17.1. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chiSquareQuantile, chiSquareTails } from '../../../../protocol/dp/audit/chi-square.ts';
import {
  cosineTail,
  fisherQuantile,
  fisherTail,
  incompleteBeta,
} from '../../../../protocol/dp/audit/incomplete-beta.ts';

function expectRelative(got: number, wanted: number, tolerance: number) {
  expect(Math.abs(got / wanted - 1), `${got} for ${wanted}`).toBeLessThan(tolerance);
}

describe('the chi-square law', () => {
  test.each([
    [0.5, 1, 0.520499877813047, 0.479500122186953],
    [30, 1, 0.999999956795369, 4.3204630578275e-8],
    [3, 7, 0.114997768356849, 0.885002231643151],
    [60, 20, 0.999992878249137, 7.12175086281558e-6],
    [900, 1000, 0.0107172380912897, 0.98928276190871],
    [1300, 1000, 0.999999999611026, 3.88973649948685e-10],
    [98_000, 100_000, 3.38475422807949e-6, 0.999996615245772],
    [102_500, 100_000, 0.999999985364374, 1.46356259983672e-8],
  ])('at %d with %d degrees of freedom', (x, freedom, below, above) => {
    const tails = chiSquareTails(x, freedom);
    expectRelative(tails.below, below, 1e-9);
    expectRelative(tails.above, above, 1e-9);
  });

  test('its ends', () => {
    expect(chiSquareTails(0, 5)).toEqual({ below: 0, above: 1 });
    expect(chiSquareTails(Infinity, 5)).toEqual({ below: 1, above: 0 });
  });

  test('quantiles', () => {
    expectRelative(chiSquareQuantile(1e-6, 1000, true), 1227.1524211875756, 1e-9);
    expectRelative(chiSquareQuantile(1e-6, 1000), 801.6244376068657, 1e-9);
    expectRelative(chiSquareQuantile(5e-7, 40_000), 38631.688361969434, 1e-9);
  });

  test('property: with two degrees it is the exponential law', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 600, noNaN: true }), (x) => {
        const { below, above } = chiSquareTails(x, 2);
        expectRelative(above, Math.exp(-x / 2), 1e-12);
        expectRelative(below, -Math.expm1(-x / 2), 1e-12);
      }),
    );
  });
});

describe('the incomplete beta function', () => {
  test.each([
    [0.3, 2, 5, 0.579825],
    [0.9, 0.5, 8, 0.999999997942537],
    [0.48, 500, 500, 0.102917527306996],
    [0.45, 2000, 2000, 1.1484008533631e-10],
    [0.01, 3, 400, 0.766283796358911],
  ])('at %d with %d and %d', (x, a, b, wanted) => {
    expectRelative(incompleteBeta(x, a, b), wanted, 1e-9);
  });

  test('its ends', () => {
    expect([incompleteBeta(0, 2, 3), incompleteBeta(1, 2, 3)]).toEqual([0, 1]);
  });

  test('ratios of variances', () => {
    expectRelative(fisherTail(1.3, 200, 4000), 0.003519160584591417, 1e-9);
    expectRelative(fisherTail(3, 5, 9), 0.07249790126600938, 1e-9);
    expectRelative(fisherTail(1.2, 1000, 19_000), 2.081844598932863e-5, 1e-8);
    expectRelative(fisherQuantile(1e-6, 1000, 19_000), 1.2344874851561591, 1e-9);
    expect(fisherTail(Infinity, 3, 4)).toBe(0);
  });

  test('cosines in three dimensions are uniform', () => {
    for (const cosine of [-0.5, 0, 0.25, 0.9]) expectRelative(cosineTail(cosine, 3), (1 - cosine) / 2, 1e-12);
  });
});

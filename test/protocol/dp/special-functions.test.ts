/** Known answers of 60 digits, and what holds between the functions. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  erfc,
  erfcinv,
  erfcx,
  logBinomial,
  logErfc,
  logGamma,
} from '../../../protocol/dp/special-functions.ts';

const ANSWERS = JSON.parse(
  readFileSync(new URL('../../vectors/dp/special-functions.json', import.meta.url), 'utf8'),
) as Record<string, number[][]>;
const FUNCTIONS = { erfc, erfcx, logErfc, erfcinv, logGamma, logBinomial };

function relativeError(got: number, wanted: number): number {
  return wanted === 0 ? Math.abs(got) : Math.abs(got / wanted - 1);
}

describe.each(Object.entries(FUNCTIONS))('%s', (name, compute) => {
  test.each(ANSWERS[name] ?? [])('has its known answer at %s', (...row) => {
    const wanted = row.at(-1) ?? Number.NaN;
    const got = (compute as (...x: number[]) => number)(...row.slice(0, -1));
    expect(relativeError(got, wanted)).toBeLessThan(1e-13);
  });

  test('would miss it if it were off by 1e-12', () => {
    const row = ANSWERS[name]?.find((one) => one.at(-1) !== 0) ?? [];
    const wanted = row.at(-1) ?? Number.NaN;
    expect(relativeError(wanted * (1 + 1e-12), wanted)).toBeGreaterThan(1e-13);
  });
});

const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });

test('erfc and its reflection add up to 2, and erfcinv undoes it', () => {
  fc.assert(
    fc.property(real(-5, 5), (x) => {
      expect(erfc(x) + erfc(-x)).toBeCloseTo(2, 14);
      if (x > 0.01) expect(relativeError(erfcinv(erfc(x)), x)).toBeLessThan(1e-13 + 1e-15 / x);
    }),
  );
});

test('logGamma follows its recurrence, logBinomial that of Pascal', () => {
  fc.assert(
    fc.property(real(0.01, 100), fc.integer({ min: 2, max: 300 }), fc.nat(300), (x, n, below) => {
      expect(Math.abs(logGamma(x + 1) - logGamma(x) - Math.log(x))).toBeLessThan(1e-12);
      const k = 1 + (below % (n - 1));
      const sum =
        Math.exp(logBinomial(n - 1, k) - logBinomial(n, k)) +
        Math.exp(logBinomial(n - 1, k - 1) - logBinomial(n, k));
      expect(sum).toBeCloseTo(1, 11);
    }),
  );
});

test('what has no value is NaN, and the ends are infinite', () => {
  expect([erfcinv(-0.1), erfcinv(2.1), erfcinv(Number.NaN), logGamma(0), logGamma(-1.5)]).toEqual(
    Array(5).fill(Number.NaN),
  );
  expect([erfcinv(0), erfcinv(2), erfc(40)]).toEqual([Infinity, -Infinity, 0]);
});

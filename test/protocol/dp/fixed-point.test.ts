import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expMinus, FRACTION_BITS, ONE, rationalOf, ULP } from '../../../protocol/dp/fixed-point.ts';

test('a double is the rational number that it is', () => {
  expect(rationalOf(0.75)).toEqual({ numerator: 3n, denominator: 4n });
  expect(rationalOf(-3)).toEqual({ numerator: -3n, denominator: 1n });
  expect(rationalOf(2 ** 60)).toEqual({ numerator: 1n << 60n, denominator: 1n });
  const double = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });
  fc.assert(
    fc.property(double, (x) => {
      const { numerator, denominator } = rationalOf(x);
      // Of 53 bits and a power of two: both conversions and the quotient are exact.
      const scale = Math.min(denominator.toString(2).length - 1, 1000);
      expect(Number(numerator) / 2 ** scale / Number(denominator >> BigInt(scale))).toBe(x === 0 ? 0 : x);
    }),
  );
  expect(() => rationalOf(Number.NaN)).toThrow(RangeError);
});

test('exp(-x) has the digits that are known, and never errs by more than it says', () => {
  // exp(-1) and exp(-2) to 60 digits.
  const known: [bigint, string][] = [
    [1n, '367879441171442321595523770161460867445811131031767834507836'],
    [2n, '135335283236612691893999494972484403407631545909575881468158'],
  ];
  for (const [x, digits] of known) {
    const truth = (BigInt(digits) << FRACTION_BITS) / 10n ** BigInt(digits.length);
    const off = expMinus({ numerator: x, denominator: 1n }) - truth;
    expect(off).toBeGreaterThanOrEqual(-2n);
    expect(off).toBeLessThanOrEqual(2n);
  }
  expect(expMinus({ numerator: 0n, denominator: 1n })).toBe(ONE);
  const part = fc.bigInt(0n, 10n ** 12n);
  fc.assert(
    fc.property(part, part, (a, b) => {
      // exp(-a) exp(-b) = exp(-(a+b))
      const [one, other, both] = [a, b, a + b].map((numerator) =>
        expMinus({ numerator, denominator: 10n ** 12n }),
      ) as [bigint, bigint, bigint];
      const off = ((one * other) >> FRACTION_BITS) - both;
      expect(off >= -6n && off <= 6n).toBe(true);
      expect(Math.abs(Number(one) * ULP - Math.exp(-Number(a) / 1e12))).toBeLessThan(1e-15);
    }),
  );
  expect(() => expMinus({ numerator: 21n, denominator: 10n })).toThrow(RangeError);
  expect(() => expMinus({ numerator: -1n, denominator: 10n })).toThrow(RangeError);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  clipBit,
  clipFraction,
  clipNorms,
  MEDIAN,
  nextClipNorm,
  splitNoise,
} from '../../../protocol/dp/adaptive-clip.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';

const RULE = { initial: 1, ...MEDIAN };

test('known answers of the rule', () => {
  expect(nextClipNorm(1, 0.5, RULE)).toBe(1);
  expect(nextClipNorm(1, 1, RULE)).toBeCloseTo(Math.exp(-0.1), 15);
  expect(nextClipNorm(2, 0, RULE)).toBeCloseTo(2 * Math.exp(0.1), 15);
  expect(nextClipNorm(1, 0.75, { ...RULE, quantile: 0.8 })).toBeCloseTo(Math.exp(0.01), 15);
});

test('C finds the median of lengths, wherever it begins', () => {
  // Lengths as far apart as log-normal ones are, around 3.
  const norms = Array.from({ length: 101 }, (_, i) => 3 * Math.exp((i - 50) / 25));
  for (const initial of [0.01, 3, 1000]) {
    const rule = { ...MEDIAN, initial };
    let clipNorm = initial;
    const fractions: number[] = [];
    for (let round = 0; round < 300; round += 1) {
      const bits = norms.reduce((sum, norm) => sum + clipBit(norm, clipNorm), 0);
      fractions.push(clipFraction(7 * bits, 7, norms.length));
      clipNorm = nextClipNorm(clipNorm, fractions.at(-1) ?? 0, rule);
    }
    expect(clipNorm / 3).toBeGreaterThan(0.9);
    expect(clipNorm / 3).toBeLessThan(1.1);
    // Whoever knows the fractions recomputes all of it.
    expect(clipNorms(fractions, rule).at(-1)).toBe(clipNorm);
  }
});

test('no noise takes C beyond a step of the rule, nor out of its range in the end', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true }),
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      (b, clipNorm) => {
        const next = nextClipNorm(clipNorm, b, RULE);
        expect(Math.abs(Math.log(next / clipNorm))).toBeLessThanOrEqual(0.1 + 1e-12);
      },
    ),
  );
  const wild = clipNorms(Array<number>(10_000).fill(Number.NEGATIVE_INFINITY), RULE);
  expect(wild.at(-1)).toBe(2 ** 40);
});

test('vector and bit share the noise as the paper says, under one charge', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.5, max: 5, noNaN: true }),
      fc.double({ min: 1000, max: 1e5, noNaN: true }),
      fc.double({ min: 3, max: 50, noNaN: true }),
      (z, sensitivity, wanted) => {
        const { bitScale, norm, vectorMultiplier, bitSigma } = splitNoise(z, sensitivity, wanted);
        expect(bitSigma).toBeGreaterThanOrEqual(wanted * (1 - 1e-12));
        expect(norm).toBeCloseTo(Math.hypot(sensitivity, bitScale), 9);
        expect(vectorMultiplier ** -2 + (2 * bitSigma) ** -2).toBeCloseTo(z ** -2, 9);
        expect(vectorMultiplier).toBeGreaterThan(z);
        // Composed as two mechanisms they cost no more than the one that is charged, and no less.
        const [both, one] = [
          rdpEpsilon(
            {
              type: 'compose',
              events: [
                { type: 'gaussian', noiseMultiplier: vectorMultiplier },
                { type: 'gaussian', noiseMultiplier: 2 * bitSigma },
              ],
            },
            'replace-special',
            1e-5,
          ),
          rdpEpsilon({ type: 'gaussian', noiseMultiplier: z }, 'replace-special', 1e-5),
        ];
        expect(both / one).toBeCloseTo(1, 9);
      },
    ),
    { numRuns: 30 },
  );
});

test('a bit that would take all noise, or has no room, is refused', () => {
  expect(splitNoise(2, 1000, 1.1).bitScale).toBeGreaterThan(1000);
  expect(() => splitNoise(2, 1000, 1)).toThrow(RangeError);
  expect(splitNoise(1, 100, 40).bitScale).toBe(1);
  expect(() => splitNoise(1, 100, 60)).toThrow(RangeError);
});

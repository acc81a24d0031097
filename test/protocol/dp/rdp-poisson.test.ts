// covers: protocol/dp/rdp-poisson-series.ts, protocol/dp/log-space.ts
/** Sampled noise at fractional orders against 30 digits, at integer orders against the plain sum. */
import { expect, test } from 'vitest';
import { logMomentByIntegral, rdpOfPoisson } from '../../../protocol/dp/rdp-poisson.ts';
import { logMomentBySeries } from '../../../protocol/dp/rdp-poisson-series.ts';

/** [q, z, order, divergence], by mpmath. */
const EXACT = [
  [0.01, 0.7, 1.5, 0.00046922577687103146],
  [0.01, 0.7, 3.3, 0.001469656653482041],
  [0.2, 1, 1.5, 0.04397050945002363],
  [0.5, 2, 3.3, 0.12356143241980289],
  [0.5, 10, 1.5, 0.0018796884753311768],
  [0.0001, 0.3, 3.3, 5.118500615675626],
  [0.3, 5, 1.5, 0.002737965499086283],
] as const;

test.each(EXACT)(
  'q %f, noise %f, order %f: the integral is exact, the series not below',
  (q, z, a, wanted) => {
    const exact = logMomentByIntegral(q, z, a) / (a - 1);
    expect(Math.abs(exact / wanted - 1)).toBeLessThan(1e-11);
    const series = logMomentBySeries(q, z, a);
    const used = rdpOfPoisson({ type: 'gaussian', noiseMultiplier: z }, q, a);
    expect(used).toBeGreaterThanOrEqual(exact);
    expect(used).toBe(series === undefined ? exact : Math.max(exact, series / (a - 1)));
  },
);

test('where the series does not converge there is a figure all the same', () => {
  expect(logMomentBySeries(0.5, 10, 1.5)).toBeUndefined();
  expect(logMomentBySeries(0.01, 1, 3.3)).toBeDefined();
  expect(rdpOfPoisson({ type: 'gaussian', noiseMultiplier: 10 }, 0.5, 1.5)).toBeLessThan(0.002);
});

test('an integer order is the binomial sum, for a sampling of any symmetric noise', () => {
  const z = 1.3;
  const [q, two, three] = [0.2, Math.exp(1 / z ** 2), Math.exp(3 / z ** 2)];
  const cube = (1 - q) ** 3 + 3 * (1 - q) ** 2 * q + 3 * (1 - q) * q ** 2 * two + q ** 3 * three;
  expect(rdpOfPoisson({ type: 'gaussian', noiseMultiplier: z }, q, 3)).toBeCloseTo(Math.log(cube) / 2, 14);
  const laplace = { type: 'laplace', scaleOverSensitivity: 1 } as const;
  const square = (2 / 3) * Math.E + (1 / 3) * Math.exp(-2);
  expect(rdpOfPoisson(laplace, q, 2)).toBeCloseTo(Math.log(1 - q * q + q * q * square), 14);
  expect(rdpOfPoisson(laplace, q, 2.5)).toBe(Infinity);
});

test('nothing is lost at rates that are very small, and all is known at the ends', () => {
  const gaussian = { type: 'gaussian', noiseMultiplier: 1 } as const;
  expect(rdpOfPoisson(gaussian, 1e-9, 2) / (1e-18 * Math.expm1(1))).toBeCloseTo(1, 12);
  expect(rdpOfPoisson(gaussian, 0, 2.5)).toBe(0);
  expect(rdpOfPoisson(gaussian, 1, 2.5)).toBe(1.25);
  expect(rdpOfPoisson({ ...gaussian, noiseMultiplier: 0.05 }, 0.1, 2.5)).toBeGreaterThan(
    rdpOfPoisson({ ...gaussian, noiseMultiplier: 0.05 }, 0.1, 2),
  );
});

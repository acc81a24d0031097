// covers: protocol/dp/analytic-gaussian.ts, protocol/dp/zcdp.ts, protocol/dp/rdp-distributed.ts, protocol/dp/bisection.ts
/** Closed forms, against known answers. */
import { describe, expect, test } from 'vitest';
import {
  deltaOfGaussian,
  epsilonOfGaussian,
  noiseOfGaussian,
} from '../../../protocol/dp/analytic-gaussian.ts';
import { leastEnough } from '../../../protocol/dp/bisection.ts';
import { distributedDiscreteGaussian, roundedNorm, skellam } from '../../../protocol/dp/rdp-distributed.ts';
import { deltaOfZcdp, epsilonOfZcdp, epsilonOfZcdpSimple, rhoOfEpsilon } from '../../../protocol/dp/zcdp.ts';
import { casesOf, numberOf } from './reference-cases.ts';
import { epsilonOfSampledShares, rdpOfAnySample } from './sampled-shares.ts';

test.each(casesOf('analytic-gaussian'))('$id', (one) => {
  const [epsilon, delta] = [numberOf(one, 'epsilon'), numberOf(one, 'delta')];
  const z = noiseOfGaussian(epsilon, delta);
  expect(z / numberOf(one, 'sigmaOverSensitivity')).toBeCloseTo(1, 12);
  expect(deltaOfGaussian(z, epsilon)).toBeLessThanOrEqual(delta);
  expect(epsilonOfGaussian(z, delta)).toBeCloseTo(epsilon, 10);
  expect(noiseOfGaussian(epsilon * 1.01, delta)).toBeLessThan(z);
});

test.each(casesOf('zcdp'))('$id', (one) => {
  const [rho, delta] = [numberOf(one, 'rho'), numberOf(one, 'delta')];
  expect(epsilonOfZcdpSimple(rho, delta)).toBeCloseTo(numberOf(one, 'epsilonStandard'), 12);
  const epsilon = epsilonOfZcdp(rho, delta);
  expect(epsilon).toBeCloseTo(numberOf(one, 'epsilonOptimal'), 11);
  expect(deltaOfZcdp(rho, epsilon)).toBeLessThanOrEqual(delta);
});

test.each(casesOf('zcdp-inverse'))('$id', (one) => {
  const [epsilon, delta] = [numberOf(one, 'epsilon'), numberOf(one, 'delta')];
  expect(rhoOfEpsilon(epsilon, delta) / numberOf(one, 'rho')).toBeCloseTo(1, 11);
});

describe('distributed noise', () => {
  test.each(casesOf('distributed'))('$id', (one) => {
    const p = one.params as Record<string, number>;
    const scale = p.scale ?? 1 / numberOf(p, 'gamma');
    const dimension = numberOf(p, 'dim');
    const norm = roundedNorm(numberOf(p, 'l2_sens') * scale, dimension, numberOf(p, 'beta'));
    expect(norm).toBeCloseTo(numberOf(one, 'l2Rounded'), 9);
    const divergence =
      one.mechanism === 'skellam'
        ? skellam(norm, dimension, (scale * numberOf(p, 'central_stddev')) ** 2)
        : distributedDiscreteGaussian(
            norm,
            dimension,
            numberOf(p, 'local_stddev') * scale,
            numberOf(p, 'num_clients'),
          );
    const [q, steps, delta] = [numberOf(p, 'q'), numberOf(p, 'steps'), numberOf(p, 'delta')];
    // The peer takes the bound that holds for a sample of any mechanism.
    const asPeer = epsilonOfSampledShares(divergence, q, steps, delta, rdpOfAnySample);
    expect(asPeer).toBeCloseTo(numberOf(one, 'epsilon'), 9);
    const epsilon = epsilonOfSampledShares(divergence, q, steps, delta);
    expect(epsilon).toBeLessThanOrEqual(asPeer);
    const unsampled = epsilonOfSampledShares(divergence, 1, steps, delta);
    expect(epsilon).toBeLessThanOrEqual(unsampled);
  });

  test('costs more where fewer add their part, and for noise too narrow for its grid', () => {
    const at = (sigma: number, count: number) => distributedDiscreteGaussian(100, 1000, sigma, count)(2);
    expect(at(10, 9)).toBeGreaterThan(at(10, 10));
    expect(at(0.5, 10) * 0.25).toBeGreaterThan(at(5, 10) * 25 * 1.01);
  });
});

test('leastEnough stays on the side where it is enough', () => {
  expect(leastEnough((x) => x * x >= 2) ** 2).toBeGreaterThanOrEqual(2);
  expect(leastEnough((x) => x * x >= 2)).toBeCloseTo(Math.SQRT2, 13);
  expect(leastEnough(() => false)).toBe(Infinity);
  expect(leastEnough(() => true)).toBeLessThan(1e-17);
});

/** The filter: what it is with one order, what adaptivity costs, and an adversary that adapts, which finds the rule of the best order. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { epsilonOfCurve, type RdpCurve } from '../../../protocol/dp/rdp-curve.ts';
import {
  addCurves,
  EVENT_DELTA_SHARE,
  emptyCurve,
  FILTER_ORDERS,
  filterCurve,
  filterEpsilon,
  microEpsilon,
  orderWeights,
} from '../../../protocol/dp/rdp-filter.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';

const RELATION = 'replace-special';
const normal = (noiseMultiplier: number): DpEvent => ({ type: 'gaussian', noiseMultiplier });
const epsilons = fc.double({ min: 0.05, max: 20, noNaN: true });
const deltas = fc.constantFrom(1e-3, 1e-5, 1e-8);
const noises = fc.double({ min: 0.3, max: 50, noNaN: true });

test('weights are a distribution, whatever the budget', () => {
  fc.assert(
    fc.property(epsilons, deltas, (epsilon, delta) => {
      const { logWeights } = orderWeights(epsilon, delta);
      expect(logWeights).toHaveLength(FILTER_ORDERS.length);
      expect(logWeights.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 12);
      expect(logWeights.every(Number.isFinite)).toBe(true);
    }),
  );
});

test('with all weight on one order it is the conversion of that order', () => {
  const order = fc.integer({ min: 0, max: FILTER_ORDERS.length - 1 });
  fc.assert(
    fc.property(order, noises, deltas, (at, noise, delta) => {
      const curve = filterCurve(normal(noise), RELATION);
      const logWeights = FILTER_ORDERS.map((_, other) => (other === at ? 0 : -Infinity));
      const orders = [FILTER_ORDERS[at] ?? 2];
      const divergences = [curve.divergences[at] ?? 0];
      const a = orders[0] ?? 2;
      const forLoss = (1 - EVENT_DELTA_SHARE) * delta;
      const wanted = Math.max(
        0,
        (divergences[0] ?? 0) + Math.log1p(-1 / a) - Math.log(forLoss * a) / (a - 1),
      );
      expect(filterEpsilon(curve, { logWeights }, delta)).toBeCloseTo(wanted, 9);
      expect(epsilonOfCurve({ orders, divergences, delta: 0 }, forLoss)).toBeLessThanOrEqual(wanted + 1e-9);
    }),
  );
});

test('it grows with every event, and is never below what is known of events that were fixed in advance', () => {
  fc.assert(
    fc.property(epsilons, deltas, fc.array(noises, { minLength: 1, maxLength: 6 }), (epsilon, delta, all) => {
      const weights = orderWeights(epsilon, delta);
      let sum = emptyCurve();
      let before = filterEpsilon(sum, weights, delta);
      expect(before).toBe(0);
      for (const noise of all) {
        sum = addCurves(sum, filterCurve(normal(noise), RELATION));
        const now = filterEpsilon(sum, weights, delta);
        expect(now).toBeGreaterThanOrEqual(before);
        before = now;
      }
      const fixed = epsilonOfCurve(sum, delta);
      expect(before).toBeGreaterThanOrEqual(fixed);
    }),
    { numRuns: 50 },
  );
});

test('adaptivity costs less than a sixth where a budget is used up by training', () => {
  const delta = 1e-5;
  const training = (q: number, count: number, noise: number): DpEvent => ({
    type: 'repeat',
    count,
    event: { type: 'poisson', q, event: normal(noise) },
  });
  const jobs = [training(0.01, 1000, 1.5), training(0.05, 100, 1.45), training(0.1, 100, 4.3), normal(2.1)];
  for (const job of jobs) {
    const fixed = rdpEpsilon(job, RELATION, delta);
    const got = filterEpsilon(filterCurve(job, RELATION), orderWeights(fixed, delta), delta);
    expect(got / fixed).toBeGreaterThan(1);
    expect(got / fixed).toBeLessThan(7 / 6);
  }
});

describe('deltas of events', () => {
  const weights = orderWeights(1, 1e-5);
  const small: DpEvent = { type: 'epsilonDelta', epsilon: 0.01, delta: 1e-7 };
  const curve = filterCurve(small, RELATION);

  test('come out of their share', () => {
    expect(filterEpsilon(addCurves(emptyCurve(), curve, 9), weights, 1e-5)).toBeLessThan(1);
  });

  test('have no more than that', () => {
    expect(filterEpsilon(addCurves(emptyCurve(), curve, 11), weights, 1e-5)).toBe(Infinity);
  });
});

test('an event of which no order knows anything has no epsilon', () => {
  const unknown: RdpCurve = { ...emptyCurve(), divergences: FILTER_ORDERS.map(() => Infinity) };
  expect(filterEpsilon(unknown, orderWeights(1, 1e-5), 1e-5)).toBe(Infinity);
  expect(addCurves(emptyCurve(), unknown, 0)).toBe(emptyCurve());
});

test('millionths are rounded up', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e5, noNaN: true }), (epsilon) => {
      const micro = microEpsilon(epsilon);
      expect(Number.isInteger(micro)).toBe(true);
      expect(micro / 1e6).toBeGreaterThanOrEqual(epsilon * (1 - 2e-16));
      expect((micro - 1) / 1e6).toBeLessThan(epsilon + 1e-12);
    }),
  );
  expect(microEpsilon(0.1000001)).toBe(100_001);
  expect(microEpsilon(Infinity)).toBe(Infinity);
});

/**
 * Normal noise first; then, knowing its loss, a mechanism that has a loss just beyond epsilon as often as the rule lets it.
 * @param fits the rule @returns E[max(0, 1 - e^(epsilon - L))], what delta has to be at least
 */
function deltaOfAdversary(fits: (curve: RdpCurve) => boolean, epsilon: number, variance: number): number {
  const points = 20;
  let delta = 0;
  for (let at = 0; at < points; at += 1) {
    const z = -4 + (10 * (at + 0.5)) / points;
    const weight = ((Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * 10) / points;
    const loss = variance / 2 + Math.sqrt(variance) * z;
    let best = Math.max(0, 1 - Math.exp(epsilon - loss));
    for (const beyond of [0.03, 0.1, 0.3, 1]) {
      const probability = largestLeak(epsilon - loss + beyond, variance, fits);
      best = Math.max(best, probability * -Math.expm1(-beyond));
    }
    delta += weight * best;
  }
  return delta;
}

/** Probability with which a loss `v` fits after the first event. */
function largestLeak(v: number, variance: number, fits: (curve: RdpCurve) => boolean): number {
  const divergence = (p: number, a: number) =>
    Math.log(p * Math.exp((a - 1) * v) + (1 - p) ** a * (1 - p * Math.exp(-v)) ** (1 - a)) / (a - 1);
  let [low, high] = [0, 1];
  for (let turn = 0; turn < 24; turn += 1) {
    const middle = low === 0 ? high / 4 : (low + high) / 2;
    const divergences = FILTER_ORDERS.map((a) => (a * variance) / 2 + divergence(middle, a));
    if (fits({ orders: FILTER_ORDERS, divergences, delta: 0 })) low = middle;
    else high = middle;
  }
  return low;
}

describe('an adversary that adapts', () => {
  const [epsilon, delta, variance] = [2, 1e-5, 0.01];

  test('breaks the rule that takes the best order at the end', () => {
    const rule = (curve: RdpCurve) => epsilonOfCurve(curve, delta) <= epsilon;
    expect(deltaOfAdversary(rule, epsilon, variance)).toBeGreaterThan(1.5 * delta);
  });

  test('does not break the mixture of orders', () => {
    const weights = orderWeights(epsilon, delta);
    const rule = (curve: RdpCurve) => filterEpsilon(curve, weights, delta) <= epsilon;
    const got = deltaOfAdversary(rule, epsilon, variance);
    expect(got).toBeLessThanOrEqual(delta);
    expect(got).toBeGreaterThan(delta / 10);
  });
});

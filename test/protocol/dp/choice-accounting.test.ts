// covers: protocol/dp/rdp-choice.ts, protocol/dp/choice-loss.ts
/** Both accountants on mechanisms that choose, against what binomial sums and maxima by search give. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pldEpsilon } from '../../../protocol/dp/pld-accountant.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { rdpOfExponential, rdpOfRandomizedResponse } from '../../../protocol/dp/rdp-choice.ts';
import { rdpOfPure } from '../../../protocol/dp/rdp-noise.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';

const repeated = (count: number, event: DpEvent): DpEvent => ({ type: 'repeat', count, event });
const exponential = (epsilon: number): DpEvent => ({ type: 'exponential', epsilon });
const response = (noiseParameter: number, numBuckets: number): DpEvent => ({
  type: 'randomizedResponse',
  noiseParameter,
  numBuckets,
});

/** P of the larger of two losses, t and t - epsilon. */
const massOf = (epsilon: number, t: number) => (Math.exp(epsilon) - Math.exp(t)) / (Math.exp(epsilon) - 1);

/** Losses with masses, composed with themselves. */
function composed(atoms: readonly (readonly [loss: number, mass: number])[], count: number) {
  let sums = new Map([[0, 1]]);
  for (let turn = 0; turn < count; turn += 1) {
    const next = new Map<number, number>();
    for (const [loss, mass] of sums)
      for (const [more, part] of atoms) {
        const sum = Math.round((loss + more) * 1e12) / 1e12;
        next.set(sum, (next.get(sum) ?? 0) + mass * part);
      }
    sums = next;
  }
  return [...sums];
}

/** By bisection of the exact delta. */
function epsilonOf(losses: readonly (readonly [number, number])[], delta: number): number {
  const deltaAt = (x: number) =>
    losses.reduce((sum, [loss, mass]) => sum + (loss > x ? -mass * Math.expm1(x - loss) : 0), 0);
  let [low, high] = [0, 200];
  for (let turn = 0; turn < 60; turn += 1) {
    const middle = (low + high) / 2;
    if (deltaAt(middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}

describe('the exponential mechanism', () => {
  test('has the divergence of the worst two losses of its range', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 12, noNaN: true }),
        fc.double({ min: 1.1, max: 60, noNaN: true }),
        (epsilon, a) => {
          let worst = 0;
          for (let at = 0; at <= 1000; at += 1) {
            const t = (epsilon * at) / 1000;
            const p = massOf(epsilon, t);
            const logs = [Math.log(p) + (a - 1) * t, Math.log1p(-p) + (a - 1) * (t - epsilon)];
            const most = Math.max(...logs);
            if (!Number.isFinite(most)) continue;
            const moment = most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
            worst = Math.max(worst, moment / (a - 1));
          }
          const bound = rdpOfExponential(epsilon, a);
          expect(bound).toBeGreaterThanOrEqual(worst * (1 - 1e-9) - 1e-13);
          expect(bound).toBeLessThanOrEqual(worst * 1.001 + 1e-9);
          expect(bound).toBeLessThanOrEqual((a * epsilon * epsilon) / 8);
          expect(bound).toBeLessThanOrEqual(rdpOfPure(epsilon, a) * (1 + 1e-9));
        },
      ),
      { numRuns: 40 },
    );
    expect(rdpOfExponential(1e9, 1024)).toBeLessThanOrEqual(1e9);
  });

  test.each([
    [0.5, 1],
    [1, 1],
    [0.3, 20],
    [2, 5],
  ])(
    'epsilon %d, %d times: by losses never below any range, and well below what is only epsilon-DP',
    (epsilon, count) => {
      const delta = 1e-6;
      const bound = pldEpsilon(repeated(count, exponential(epsilon)), 'add-or-remove-one', delta);
      let worst = 0;
      for (let at = 1; at < 40; at += 1) {
        const t = (epsilon * at) / 40;
        const p = massOf(epsilon, t);
        worst = Math.max(
          worst,
          epsilonOf(
            composed(
              [
                [t, p],
                [t - epsilon, 1 - p],
              ],
              count,
            ),
            delta,
          ),
        );
      }
      expect(bound).toBeGreaterThanOrEqual(worst - 1e-9);
      const pure = pldEpsilon(
        repeated(count, { type: 'epsilonDelta', epsilon, delta: 0 }),
        'add-or-remove-one',
        delta,
      );
      expect(bound).toBeLessThanOrEqual(pure + 1e-9);
      if (count >= 20) expect(bound).toBeLessThan(pure * 0.75);
      const closed = 2 * Math.log(Math.exp(epsilon / 2) - Math.sqrt(delta * Math.expm1(epsilon)));
      if (count === 1) expect(bound).toBeCloseTo(closed, 5);
      // Both bounds are sound; the one by moments uses one range for all of the sum.
      expect(rdpEpsilon(repeated(count, exponential(epsilon)), 'add-or-remove-one', delta)).toBeGreaterThan(
        worst - 1e-9,
      );
    },
  );
});

describe('randomised response', () => {
  test.each([
    [0.5, 2, 1],
    [0.5, 2, 12],
    [0.9, 5, 9],
    [1, 3, 4],
  ])('of noise %d over %d values, %d times, loses what the sum over its values does', (p, k, count) => {
    const other = p / k;
    const loss = Math.log((1 - p + other) / other);
    const atoms = [
      [loss, 1 - p + other],
      [-loss, other],
      [0, (k - 2) * other],
    ] as const;
    const delta = 1e-4;
    const exact = loss === 0 ? 0 : epsilonOf(composed(atoms, count), delta);
    const event = repeated(count, response(p, k));
    const bound = pldEpsilon(event, 'replace-one', delta);
    expect(bound).toBeGreaterThanOrEqual(exact - 1e-9);
    expect(bound).toBeLessThanOrEqual(exact + 1e-3);
    expect(rdpEpsilon(event, 'replace-one', delta)).toBeGreaterThanOrEqual(exact - 1e-9);
    for (const a of [1.5, 2, 17]) {
      const moment = atoms.reduce((sum, [l, mass]) => sum + mass * Math.exp((a - 1) * l), 0);
      expect(rdpOfRandomizedResponse(p, k, a)).toBeCloseTo(Math.log(moment) / (a - 1), 10);
    }
  });
});

describe.each(['rdp', 'pld'] as const)('the count of a repetition is honoured by %s', (name) => {
  const epsilonBy = { rdp: rdpEpsilon, pld: pldEpsilon }[name];
  test.each<[string, DpEvent]>([
    ['exponential', exponential(0.5)],
    ['randomizedResponse', response(0.7, 4)],
  ])('%s', (_, event) => {
    const [once, ten] = [1, 10].map((count) => epsilonBy(repeated(count, event), 'replace-one', 1e-5));
    expect(ten).toBeGreaterThan(2 * (once as number));
    const each = epsilonBy({ type: 'compose', events: Array<DpEvent>(10).fill(event) }, 'replace-one', 1e-5);
    expect(ten).toBeCloseTo(each, 9);
  });

  test('randomised response is known for an exchange alone, and neither is known of a sample', () => {
    const refused = expect.objectContaining({ code: 'eventUnsupported' });
    for (const neighbouring of ['add-or-remove-one', 'replace-special'] as const)
      expect(() => epsilonBy(response(0.5, 2), neighbouring, 1e-5)).toThrow(refused);
    expect(epsilonBy(response(0.5, 2), 'replace-one', 1e-5)).toBeGreaterThan(0);
    for (const event of [exponential(1), response(0.5, 2)])
      expect(() => epsilonBy({ type: 'poisson', q: 0.1, event }, 'add-or-remove-one', 1e-5)).toThrow(refused);
    expect(epsilonBy(exponential(1), 'add-or-remove-one', 1e-5)).toBeGreaterThan(0);
  });
});

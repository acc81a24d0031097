/**
 * What holds for every accountant, as properties, and planted accountants that are wrong: each has to break one of them.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epsilonOfGaussian } from '../../../protocol/dp/analytic-gaussian.ts';
import { leastEnough } from '../../../protocol/dp/bisection.ts';
import { pldEpsilon } from '../../../protocol/dp/pld-accountant.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { erfc } from '../../../protocol/dp/special-functions.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';

type Accountant = (event: DpEvent, delta: number) => number;

const ACCOUNTANTS: Readonly<Record<string, Accountant>> = {
  rdp: (event, delta) => rdpEpsilon(event, 'add-or-remove-one', delta),
  pld: (event, delta) => pldEpsilon(event, 'add-or-remove-one', delta),
};

interface Training {
  readonly q: number;
  readonly z: number;
  readonly count: number;
  readonly delta: number;
}

const trainings = fc.record({
  q: fc.double({ min: 0.02, max: 0.5, noNaN: true }),
  z: fc.double({ min: 0.7, max: 4, noNaN: true }),
  count: fc.integer({ min: 1, max: 100 }),
  delta: fc.constantFrom(1e-4, 1e-6, 1e-8),
});
const eventOf = ({ q, z, count }: Training): DpEvent => ({
  type: 'repeat',
  count,
  event: { type: 'poisson', q, event: { type: 'gaussian', noiseMultiplier: z } },
});

/** As it is written, for one sample: the larger one of what removing and adding a unit costs. */
function exactOfOne({ q, z, delta }: Training): number {
  const phi = (x: number) => erfc(-x / Math.SQRT2) / 2;
  // Both laws beyond the outcome x, where the loss of removing, or minus that of adding, is epsilon.
  const at = (ratio: number) => z * z * Math.log((ratio - 1 + q) / q) + 0.5;
  const removed = (epsilon: number) => {
    const x = at(Math.exp(epsilon));
    return (1 - q) * phi(-x / z) + q * phi((1 - x) / z) - Math.exp(epsilon) * phi(-x / z);
  };
  const added = (epsilon: number) => {
    const ratio = Math.exp(-epsilon);
    if (ratio <= 1 - q) return 0;
    const x = at(ratio);
    return phi(x / z) - Math.exp(epsilon) * ((1 - q) * phi(x / z) + q * phi((x - 1) / z));
  };
  const isEnough = (epsilon: number) => Math.max(removed(epsilon), added(epsilon)) <= delta;
  return isEnough(0) ? 0 : leastEnough(isEnough, 1, 1e-12);
}

/** Names of the properties that an accountant breaks; of one where it is named. */
function breaksOf(accountant: Accountant, runs: number, only?: string): string[] {
  const epsilonOf = (training: Training) => accountant(eventOf(training), training.delta);
  /** What figures may differ by: grids are not all the same. */
  const slack = (epsilon: number) => 2e-4 * Math.max(epsilon, 0.01);
  const more = (change: (training: Training) => Training) => (training: Training) => {
    const [less, larger] = [epsilonOf(training), epsilonOf(change(training))];
    // Where nothing is lost nothing can be lost more.
    return larger > less + slack(less) || (larger === less && larger === 0);
  };
  const properties: Readonly<Record<string, (training: Training) => boolean>> = {
    noise: more((training) => ({ ...training, z: training.z / 1.2 })),
    rate: more((training) => ({ ...training, q: Math.min(1, 1.2 * training.q) })),
    count: more((training) => ({ ...training, count: 2 * training.count })),
    delta: more((training) => ({ ...training, delta: training.delta / 10 })),
    // Without sampling the exact trade-off is known for any number of events.
    'exact without sampling': (training) => {
      const got = epsilonOf({ ...training, q: 1 });
      const exact = epsilonOfGaussian(training.z / Math.sqrt(training.count), training.delta);
      return got >= exact * (1 - 1e-9) && got <= 1.5 * exact + 0.1;
    },
    // With sampling for one.
    'exact of one sample': (training) => {
      const one = { ...training, count: 1 };
      return epsilonOf(one) >= exactOfOne(one) - 1e-9;
    },
    // A bound from above: a sample is not worse than all.
    'no worse than all': (training) => epsilonOf(training) <= epsilonOf({ ...training, q: 1 }) + slack(1),
  };
  return Object.entries(properties).flatMap(([name, holds]) => {
    if (only !== undefined && only !== name) return [];
    const { failed } = fc.check(fc.property(trainings, holds), {
      numRuns: runs,
      seed: 7,
      endOnFailure: true,
    });
    return failed ? [name] : [];
  });
}

describe.each(Object.entries(ACCOUNTANTS))('the accountant %s', (name, accountant) => {
  const runs = name === 'rdp' ? 8 : 2;

  test('breaks none of the properties', () => {
    expect(breaksOf(accountant, runs)).toEqual([]);
  });

  const changed =
    (change: (key: string, value: number) => number): Accountant =>
    (event, delta) =>
      accountant(
        JSON.parse(JSON.stringify(event), (key, value) =>
          typeof value === 'number' ? change(key, value) : value,
        ),
        delta,
      );
  const mutants: Readonly<Record<string, readonly [Accountant, string]>> = {
    'ignores the count': [changed((key, value) => (key === 'count' ? 1 : value)), 'count'],
    'counts half': [
      changed((key, value) => (key === 'count' ? Math.ceil(value / 2) : value)),
      'exact without sampling',
    ],
    'believes in twice the noise': [
      changed((key, value) => (key === 'noiseMultiplier' ? 2 * value : value)),
      'exact without sampling',
    ],
    'ignores the noise': [changed((key, value) => (key === 'noiseMultiplier' ? 1 : value)), 'noise'],
    'believes in a tenth of the rate': [
      changed((key, value) => (key === 'q' ? value / 10 : value)),
      'exact of one sample',
    ],
    'ignores the rate': [changed((key, value) => (key === 'q' ? 0.1 : value)), 'rate'],
    'grants ten times delta': [(event, delta) => accountant(event, 10 * delta), 'exact without sampling'],
    'ignores delta': [(event) => accountant(event, 1e-6), 'delta'],
    'counts twice': [
      (event, delta) => accountant({ type: 'repeat', count: 4, event }, delta),
      'exact without sampling',
    ],
  };
  test.each(Object.entries(mutants))('is found out where it %s', (_, [mutant, broken]) => {
    expect(breaksOf(mutant, runs, broken)).toEqual([broken]);
  });
});

test('exact is at most losses, losses are at most Renyi divergences', () => {
  const { rdp, pld } = ACCOUNTANTS as { rdp: Accountant; pld: Accountant };
  fc.assert(
    fc.property(trainings, (training) => {
      const one = { ...training, count: 1 };
      const [exact, byLosses] = [exactOfOne(one), pld(eventOf(one), one.delta)];
      expect(byLosses).toBeGreaterThanOrEqual(exact - 1e-9);
      expect(byLosses).toBeLessThan(exact + 1e-3 * Math.max(1, exact));
      expect(byLosses).toBeLessThanOrEqual(rdp(eventOf(one), one.delta) + 1e-4);
      const all = pld(eventOf(training), training.delta);
      expect(all).toBeLessThanOrEqual(rdp(eventOf(training), training.delta) * (1 + 1e-4) + 1e-6);
    }),
    { numRuns: 4, seed: 3 },
  );
});

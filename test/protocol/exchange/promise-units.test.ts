import fc from 'fast-check';
import { expect, test } from 'vitest';
import { permittedUnits, statedUnits } from '../../../protocol/exchange/promise-units.ts';

const stated = (epsilon: number, delta = 1e-6) => statedUnits({ privacy: { epsilonModel: epsilon, delta } });

test('decimal figures are their number of units, whatever binary fractions make of them', () => {
  expect(stated(4.35, 1e-6)).toEqual({ microEpsilon: 4_350_000, femtoDelta: 1e9 });
  expect(permittedUnits({ epsilon: 4.35, delta: 1.1e-5 })).toEqual({
    microEpsilon: 4_350_000,
    femtoDelta: 11e9,
  });
  expect(permittedUnits({ epsilon: 1e-6, delta: 1e-15 })).toEqual({ microEpsilon: 1, femtoDelta: 1 });
});

test('of two promises the larger counts, and no promise is none', () => {
  const privacy = { epsilonModel: 1, epsilonServer: 3, delta: 1e-6 };
  expect(statedUnits({ privacy })?.microEpsilon).toBe(3e6);
  expect(statedUnits({ privacy: { ...privacy, epsilonModel: 4 } })?.microEpsilon).toBe(4e6);
  expect(statedUnits({})).toBeUndefined();
});

test('what is stated counts as no less than it is, what is permitted as no more', () => {
  const epsilons = fc.double({ min: 1e-6, max: 10, noNaN: true });
  const deltas = fc.double({ min: 1e-15, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(epsilons, epsilons, deltas, deltas, (epsilon, most, delta, deltaMost) => {
      const [of, within] = [stated(epsilon, delta), permittedUnits({ epsilon: most, delta: deltaMost })];
      expect((of?.microEpsilon ?? 0) / 1e6).toBeGreaterThanOrEqual(epsilon);
      expect((of?.femtoDelta ?? 0) / 1e15).toBeGreaterThanOrEqual(delta);
      expect(within.microEpsilon / 1e6).toBeLessThanOrEqual(most);
      expect(within.femtoDelta / 1e15).toBeLessThanOrEqual(deltaMost);
    }),
  );
});

// covers: protocol/dp/privacy-loss.ts
/** The accountant against its peers, against what must hold, and against planted mistakes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epsilonOfGaussian } from '../../../protocol/dp/analytic-gaussian.ts';
import { parseDpEvent } from '../../../protocol/dp/parse-event.ts';
import { pldEpsilon } from '../../../protocol/dp/pld-accountant.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { erfc } from '../../../protocol/dp/special-functions.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';
import { breaksOf, tightCases } from './pld-judgement.ts';

/** Of every kind one that is quickly judged; the others are in the slow suite. */
const QUICK = [
  's-gauss-1',
  's-poisson-1step-1',
  's-poisson-7',
  's-fixedsize-0',
  's-truncpoisson-0',
  's-laplace-0',
  's-laplace-3',
  's-dgauss-2',
  's-dlaplace-1',
  's-dlaplace-3',
  's-mixed-0',
  's-mixed-1',
  's-mixed-2',
  's-mixed-3',
];
const quick = tightCases.filter(({ id }) => QUICK.includes(id));

test('all of them are there', () => {
  expect(quick.map(({ id }) => id).sort()).toEqual(QUICK.toSorted());
});

test.each(quick)('$id is sound and tight', (one) => {
  expect(breaksOf(one, 1)).toEqual([]);
});

test.each([
  ['count', 1],
  ['noiseMultiplier', 3],
  ['q', 0.001],
  ['sampleSize', 1],
])('the cases find a %s that is read wrongly', (name, wrong) => {
  const mistaken = (value: unknown) =>
    parseDpEvent(JSON.parse(JSON.stringify(value, (key, inner) => (key === name ? wrong : inner))));
  const touched = quick.filter(({ event }) => JSON.stringify(event).includes(`"${name}":`));
  expect(touched.length).toBeGreaterThan(0);
  for (const one of touched) expect(breaksOf(one, 1, mistaken), one.id).not.toEqual([]);
});

const poisson = (q: number, noiseMultiplier: number): DpEvent => ({
  type: 'poisson',
  q,
  event: { type: 'gaussian', noiseMultiplier },
});
const repeated = (event: DpEvent, count: number): DpEvent => ({ type: 'repeat', count, event });
const epsilonOf = (event: DpEvent, delta = 1e-5) => pldEpsilon(event, 'add-or-remove-one', delta);

describe('epsilon', () => {
  test('falls with noise and delta, grows with count and rate, and is at most that of Renyi divergences', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.8, max: 5, noNaN: true }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.integer({ min: 1, max: 200 }),
        (z, q, count) => {
          const here = epsilonOf(repeated(poisson(q, z), count));
          // Grids differ, so that equal ones may differ by what a grid costs.
          const slack = 1e-4 * Math.max(here, 0.01);
          expect(epsilonOf(repeated(poisson(q, 1.1 * z), count))).toBeLessThanOrEqual(here + slack);
          expect(epsilonOf(repeated(poisson(q, z), count), 2e-5)).toBeLessThanOrEqual(here + slack);
          expect(epsilonOf(repeated(poisson(q, z), count + 1))).toBeGreaterThanOrEqual(here - slack);
          expect(epsilonOf(repeated(poisson(1.1 * q, z), count))).toBeGreaterThanOrEqual(here - slack);
          expect(here).toBeLessThanOrEqual(
            rdpEpsilon(repeated(poisson(q, z), count), 'add-or-remove-one', 1e-5) + slack,
          );
        },
      ),
      { numRuns: 4 },
    );
  });

  test('of much discretised noise is that of the exact trade-off, from above, however small delta is', () => {
    // A sample of everything but 1e-13 is Gaussian noise, but is not taken for it.
    for (const delta of [1e-5, 1e-9, 1e-12, 1e-20, 1e-60]) {
      const exact = epsilonOfGaussian(10 / Math.sqrt(1000), delta);
      const got = epsilonOf(repeated(poisson(1 - 1e-13, 10), 1000), delta);
      expect(got, String(delta)).toBeGreaterThanOrEqual(exact - 1e-9);
      expect(got / exact - 1, String(delta)).toBeLessThan(1e-4);
    }
  });

  test('is the larger one of adding and of removing', () => {
    const [q, z, delta] = [0.3, 1, 1e-5];
    // The trade-off of each direction, for outcomes beyond x, as it is written.
    const phi = (x: number) => erfc(-x / Math.SQRT2) / 2;
    const x = (epsilon: number) => z * z * Math.log((Math.exp(epsilon) - 1 + q) / q) + 0.5;
    const removed = (epsilon: number) => {
      const [near, far] = [phi((1 - x(epsilon)) / z), phi(-x(epsilon) / z)];
      return (1 - q) * far + q * near - Math.exp(epsilon) * far;
    };
    let [low, high] = [0, 20];
    while (high - low > 1e-12) {
      const middle = (low + high) / 2;
      if (removed(middle) > delta) low = middle;
      else high = middle;
    }
    const got = epsilonOf(poisson(q, z), delta);
    expect(got).toBeGreaterThanOrEqual(high - 1e-9);
    expect(got).toBeLessThan(high + 1e-5);
    // Adding alone would end here.
    expect(got).toBeGreaterThan(-Math.log1p(-q));
  });

  test('of many is that of one list, in any order', () => {
    const laplace: DpEvent = { type: 'laplace', scaleOverSensitivity: 5 };
    const events = [repeated(poisson(0.1, 1), 3), laplace, poisson(0.1, 1)];
    const one = epsilonOf({ type: 'compose', events });
    expect(epsilonOf({ type: 'compose', events: events.toReversed() })).toBeCloseTo(one, 9);
    expect(epsilonOf({ type: 'compose', events: [laplace, repeated(poisson(0.1, 1), 4)] })).toBeCloseTo(
      one,
      9,
    );
    expect(epsilonOf(repeated({ type: 'gaussian', noiseMultiplier: 3 }, 9))).toBeCloseTo(
      epsilonOf({ type: 'gaussian', noiseMultiplier: 1 }),
      12,
    );
  });

  test('is infinite once the deltas of the events are as large as the one asked for, and 0 where they do nothing', () => {
    const event = repeated({ type: 'epsilonDelta', epsilon: 0.1, delta: 1e-6 }, 10);
    expect(epsilonOf(event, 9e-6)).toBe(Infinity);
    expect(epsilonOf(event, 1e-4)).toBeLessThan(1);
    for (const noise of [1e-3, 1e-200, 1e-320])
      expect(epsilonOf(repeated(poisson(0.5, noise), 7))).toBe(Infinity);
    expect(epsilonOf(repeated(poisson(0, 1), 1000))).toBe(0);
    expect(epsilonOf(repeated(poisson(0.1, 1e9), 1000))).toBe(0);
  });

  test('of a sample that is everything is that of no sample', () => {
    const noise: DpEvent = { type: 'laplace', scaleOverSensitivity: 2 };
    const whole = epsilonOf(repeated(noise, 10));
    expect(epsilonOf(repeated({ type: 'poisson', q: 1, event: noise }, 10))).toBeCloseTo(whole, 9);
    const fixed: DpEvent = { type: 'fixedSize', populationSize: 7, sampleSize: 7, event: noise };
    expect(pldEpsilon(repeated(fixed, 10), 'replace-one', 1e-5)).toBeCloseTo(whole, 9);
    const room = {
      type: 'truncatedPoissonGaussian',
      populationSize: 50,
      q: 0.1,
      noiseMultiplier: 2,
    } as const;
    expect(epsilonOf(repeated({ ...room, maxCohort: 50 }, 10))).toBeCloseTo(
      epsilonOf(repeated(poisson(0.1, 2), 10)),
      9,
    );
    expect(epsilonOf(repeated({ ...room, maxCohort: 5 }, 10))).toBeGreaterThan(
      epsilonOf(repeated(poisson(0.1, 2), 10)),
    );
  });
});

describe('what is refused, beside what is not', () => {
  const gaussian: DpEvent = { type: 'gaussian', noiseMultiplier: 2 };
  const fixed: DpEvent = { type: 'fixedSize', populationSize: 10, sampleSize: 2, event: gaussian };
  const cut: DpEvent = {
    type: 'truncatedPoissonGaussian',
    populationSize: 10,
    q: 0.1,
    maxCohort: 3,
    noiseMultiplier: 1,
  };

  test.each([
    ['a sample, one unit exchanged', poisson(0.1, 2), 'replace-one', 'replace-special'],
    ['a sample of fixed size, one unit more', fixed, 'add-or-remove-one', 'replace-one'],
    ['a sample that was cut, one unit exchanged', cut, 'replace-one', 'add-or-remove-one'],
  ] as const)('%s', (_, event, refused, known) => {
    expect(() => pldEpsilon(event, refused, 1e-5)).toThrow(
      expect.objectContaining({ code: 'eventUnsupported' }),
    );
    expect(pldEpsilon(event, known, 1e-5)).toBeGreaterThan(0);
  });

  test('a tree, a sample of what is no noise, and noise with too many values', () => {
    const refused: readonly DpEvent[] = [
      { type: 'treeAggregation', noiseMultiplier: 5, steps: 10 },
      { type: 'poisson', q: 0.1, event: poisson(0.1, 2) },
      { type: 'poisson', q: 0.1, event: { type: 'epsilonDelta', epsilon: 1, delta: 0 } },
      { type: 'discreteGaussian', sigma: 1e9, sensitivity: 1 },
      { type: 'discreteLaplace', a: 1, sensitivity: 1e9 },
    ];
    for (const event of refused)
      expect(() => epsilonOf(repeated(event, 2))).toThrow(
        expect.objectContaining({ code: 'eventUnsupported' }),
      );
  });
});

import { expect, test } from 'vitest';
import { planNeighbourhood } from '../../../protocol/secagg/neighbourhood.ts';

const tenth = { corruptShare: 0.1, dropoutShare: 0.1 };

test.each([
  [1000, 114, 78],
  [10_000, 144, 98],
])(
  'of %d participants, a tenth corrupt and a tenth gone: %d neighbours, threshold %d',
  (n, degree, threshold) => {
    expect(planNeighbourhood({ participants: n, ...tenth })).toEqual({ degree, threshold });
  },
);

test('grows slowly with the cohort, and with what is feared', () => {
  const degreeOf = (more: object, participants = 1000) =>
    planNeighbourhood({ participants, ...tenth, ...more })?.degree ?? Number.POSITIVE_INFINITY;
  expect(degreeOf({}, 5000)).toBeGreaterThan(degreeOf({}));
  expect(degreeOf({}, 5000)).toBeLessThan(2 * degreeOf({}));
  expect(degreeOf({ corruptShare: 0.2 })).toBeGreaterThan(degreeOf({}));
  expect(degreeOf({ dropoutShare: 0.2 })).toBeGreaterThan(degreeOf({}));
  expect(degreeOf({ securityBits: 60 })).toBeGreaterThan(degreeOf({}));
});

test('a threshold leaves two lies about who is left no room, and honest ones enough', () => {
  for (const participants of [300, 1000, 3000]) {
    const plan = planNeighbourhood({ participants, ...tenth });
    expect(plan).toBeDefined();
    const { degree, threshold } = plan as NonNullable<typeof plan>;
    expect(2 * threshold).toBeGreaterThan(degree + 0.1 * degree);
    expect(threshold).toBeLessThan(0.9 * degree);
  }
});

test('where no number does, there is none', () => {
  expect(planNeighbourhood({ participants: 1000, corruptShare: 0.6, dropoutShare: 0.5 })).toBeUndefined();
  expect(planNeighbourhood({ participants: 10, ...tenth })).toBeUndefined();
});

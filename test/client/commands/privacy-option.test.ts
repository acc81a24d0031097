import { expect, test } from 'vitest';
import { type PrivacyOptions, promisedBy } from '../../../client/commands/privacy-option.ts';
import { isProblem } from '../../../protocol/problem.ts';

const example = { unit: 'example', epsilon: 2, delta: 1e-5, lotRate: 0.05 } as const;

function reason(options: PrivacyOptions): string | undefined {
  try {
    promisedBy(options);
    return undefined;
  } catch (error) {
    return isProblem(error, 'usage') ? error.detail.reason : String(error);
  }
}

test('figures become a promise; without a unit there is none', () => {
  expect(promisedBy(example)).toEqual({
    ...{ unit: 'example', noise: 'discreteGaussian', epsilon: 2, delta: 1e-5, rate: 0.05 },
  });
  expect(promisedBy({ unit: 'participant', noise: 'skellam', epsilon: 8, delta: 1e-6 })).toEqual({
    ...{ unit: 'participant', noise: 'skellam', epsilon: 8, delta: 1e-6 },
  });
  const participant = { unit: 'participant', epsilon: 8, delta: 1e-6 } as const;
  expect(promisedBy({ ...participant, noise: 'gaussian', treeRounds: 4 })).toMatchObject({
    noise: { type: 'gaussian', treeRounds: 4 },
  });
  expect(promisedBy({ ...example, noise: 'gaussian' })).toMatchObject({ noise: { type: 'gaussian' } });
  expect(promisedBy({ ...participant, adaptiveClip: 0.7 })).toMatchObject({
    adaptive: { quantile: 0.7, rate: 0.2 },
  });
  expect(promisedBy({})).toBeUndefined();
  expect(promisedBy({ unit: 'none' })).toBeUndefined();
});

test.each<[string, PrivacyOptions]>([
  ['--epsilon needs --unit', { epsilon: 1 }],
  ['--delta needs --unit', { delta: 1e-5 }],
  ['--lot-rate needs --unit', { unit: 'none', lotRate: 0.1 }],
  ['--unit example needs --epsilon and --delta', { unit: 'example', delta: 1e-5, lotRate: 0.1 }],
  ['--unit person needs --lot-rate', { unit: 'person', epsilon: 1, delta: 1e-5 }],
  ['--lot-rate is about examples and persons', { ...example, unit: 'participant' }],
  ['--epsilon', { ...example, epsilon: 0 }],
  ['--epsilon', { ...example, epsilon: -1 }],
  ['--delta', { ...example, delta: 1 }],
  ['--lot-rate', { ...example, lotRate: 1.5 }],
  ['--tree-rounds needs --unit', { treeRounds: 3 }],
  ['--tree-rounds needs --noise gaussian', { unit: 'participant', epsilon: 1, delta: 1e-5, treeRounds: 3 }],
  ['--tree-rounds needs --unit participant', { ...example, noise: 'gaussian', treeRounds: 3 }],
  ['--adaptive-clip needs --unit', { adaptiveClip: 0.5 }],
  ['--adaptive-clip needs --unit participant', { ...example, adaptiveClip: 0.5 }],
  [
    '--adaptive-clip needs --unit participant',
    { unit: 'participant', epsilon: 1, delta: 1e-5, noise: 'gaussian', adaptiveClip: 0.5 },
  ],
  ['--adaptive-clip', { unit: 'participant', epsilon: 1, delta: 1e-5, adaptiveClip: 1.5 }],
])('%s: is named', (said, options) => {
  expect(reason(example)).toBeUndefined();
  expect(reason(options)).toContain(said);
});

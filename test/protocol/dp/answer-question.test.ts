// covers: protocol/dp/answer-question.ts, protocol/dp/accountants.ts, schemas/privacy-account.ts
/** Questions to the accountants. */
import { describe, expect, test } from 'vitest';
import { answerQuestion } from '../../../protocol/dp/answer-question.ts';
import { casesOf, numberOf } from './reference-cases.ts';

const event = { type: 'gaussian', noiseMultiplier: 1 };
const account = { id: 'a', kind: 'account', event, deltas: [1e-5, 1e-9] };
const calibrate = {
  id: 'c',
  kind: 'calibrate',
  accountant: 'rdp',
  targetEpsilon: 2,
  delta: 1e-5,
  eventTemplate: { type: 'repeat', count: 50, event: { ...event, noiseMultiplier: '$NOISE_MULTIPLIER' } },
};

test('an account has epsilon by delta as it is written, and its relation', () => {
  const answer = answerQuestion({ ...account, somethingElse: 1 });
  expect(answer).toMatchObject({ id: 'a', neighbouring: 'add-or-remove-one' });
  expect(Object.keys(answer.rdp?.epsilon ?? {})).toEqual(['0.00001', '1e-9']);
});

test('an epsilon without end is told as inf, which JSON can carry', () => {
  const lost = { type: 'epsilonDelta', epsilon: 1, delta: 1e-3 };
  expect(answerQuestion({ ...account, event: lost, deltas: [1e-5] }).rdp?.epsilon).toEqual({
    '0.00001': 'inf',
  });
});

describe('calibration', () => {
  // Those of the other accountant are in the slow suite.
  const known = casesOf('calibrate').filter((one) => one.accountant === 'rdp');

  test.each(known)('$id is within its budget, and just so', (one) => {
    const { noiseMultiplier = Number.NaN, epsilon } = answerQuestion(one);
    expect(epsilon).toBeLessThanOrEqual(numberOf(one, 'targetEpsilon'));
    expect(Math.abs(noiseMultiplier / numberOf(one, 'noiseMultiplier') - 1)).toBeLessThan(1e-3);
  });

  test('what no noise can mend is refused', () => {
    const events = [calibrate.eventTemplate, { type: 'epsilonDelta', epsilon: 5, delta: 0 }];
    const answer = answerQuestion({ ...calibrate, eventTemplate: { type: 'compose', events } });
    expect(answer).toMatchObject({ id: 'c', refused: 'budgetUnreachable' });
    expect(answerQuestion(calibrate)).not.toHaveProperty('refused');
  });
});

let bomb: unknown = '$NOISE_MULTIPLIER';
for (let level = 0; level < 100_000; level += 1) bomb = { type: 'repeat', count: 1, event: bomb };

test.each<[string, object, object]>([
  ['delta 0', account, { deltas: [0] }],
  ['delta 1', account, { deltas: [1] }],
  ['no delta', account, { deltas: [] }],
  ['another relation', account, { neighbouring: 'none' }],
  ['another kind', account, { kind: 'zcdp' }],
  ['no id', account, { id: undefined }],
  ['no event', account, { event: undefined }],
  ['a budget of nothing', calibrate, { targetEpsilon: 0 }],
  ['a template without a place for noise', calibrate, { eventTemplate: event }],
  ['a template that is too deep', calibrate, { eventTemplate: bomb }],
])('%s is refused', (_, good, change) => {
  expect(answerQuestion({ ...good, ...change })).toMatchObject({ refused: 'invalidFormat' });
  expect(answerQuestion(good)).not.toHaveProperty('refused');
});

test('what no accountant knows is refused by its own code', () => {
  const cut = { type: 'poisson', q: 0.5, event: { type: 'poisson', q: 0.5, event } };
  expect(answerQuestion({ ...account, event: cut })).toMatchObject({ id: 'a', refused: 'eventUnsupported' });
});

test.each([null, 7, 'x', [], [[]]])('%j is answered, without an id', (value) => {
  expect(answerQuestion(value)).toMatchObject({ id: null, refused: 'invalidFormat' });
});

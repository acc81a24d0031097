// covers: protocol/dp/pld-accountant.ts
/** Every known answer of the peers, at every delta. */
import { expect, test } from 'vitest';
import { answerQuestion } from '../../../protocol/dp/answer-question.ts';
import { breaksOf, tightCases } from './pld-judgement.ts';
import { casesOf, hasWholeSet, numberOf } from './reference-cases.ts';

test(`cases of the peers: ${hasWholeSet ? 'the whole set' : 'those kept here, for the whole set is not there'}`, () => {
  expect(tightCases.length).toBeGreaterThanOrEqual(hasWholeSet ? 44 : 18);
});

test.each(tightCases)('$id is sound and tight', (one) => {
  expect(breaksOf(one)).toEqual([]);
});

test.each(casesOf('calibrate').filter((one) => one.accountant === 'pld'))(
  '$id is within its budget, and just so',
  (one) => {
    const { noiseMultiplier = Number.NaN, epsilon } = answerQuestion(one);
    expect(epsilon).toBeLessThanOrEqual(numberOf(one, 'targetEpsilon'));
    expect(Math.abs(noiseMultiplier / numberOf(one, 'noiseMultiplier') - 1)).toBeLessThan(1e-3);
  },
);

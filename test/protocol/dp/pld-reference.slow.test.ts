// covers: protocol/dp/pld-accountant.ts
/** Every known answer of the peers, at every delta. */
import { expect, test } from 'vitest';
import { breaksOf, tightCases } from './pld-judgement.ts';
import { hasWholeSet } from './reference-cases.ts';

test(`cases of the peers: ${hasWholeSet ? 'the whole set' : 'those kept here, for the whole set is not there'}`, () => {
  expect(tightCases.length).toBeGreaterThanOrEqual(hasWholeSet ? 44 : 18);
});

test.each(tightCases)('$id is sound and tight', (one) => {
  expect(breaksOf(one)).toEqual([]);
});

import { expect, test } from 'vitest';
import { termsFrom } from '../../../client/commands/terms-options.ts';
import { TERMS } from '../../fixtures/data-terms.ts';

const refused = (reason: RegExp) =>
  expect.objectContaining({ code: 'usage', detail: { reason: expect.stringMatching(reason) } });
const thrown = (work: () => unknown) => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

test('what is published has the terms of its publisher, other data those that are given, or none', () => {
  expect(termsFrom('mnist:train', {})).toMatchObject({ lawfulBasis: 'notPersonal', retention: 'unlimited' });
  expect(termsFrom('spam:test', {})).toMatchObject({ lawfulBasis: 'disclosedByPerson' });
  expect(termsFrom('csv:a.csv', {})).toBeUndefined();
  expect(termsFrom('csv:a.csv', TERMS)).toEqual(TERMS);
  expect(termsFrom('mnist:train', { contact: 'me' })).toMatchObject({
    contact: 'me',
    lawfulBasis: 'notPersonal',
  });
});

test('terms are whole, and hold together', () => {
  const { contact: _, ...three } = TERMS;
  expect(thrown(() => termsFrom('csv:a.csv', three))).toEqual(refused(/: --contact <text>$/));
  expect(thrown(() => termsFrom('csv:a.csv', { ...TERMS, lawfulBasis: 'consent' }))).toEqual(
    refused(/--retention is unlimited/),
  );
  expect(thrown(() => termsFrom('csv:a.csv', { ...TERMS, retention: '2024-02-30' }))).toEqual(refused(/day/));
  expect(termsFrom('csv:a.csv', { ...TERMS, lawfulBasis: 'consent', retention: '2024-02-29' })).toBeDefined();
});

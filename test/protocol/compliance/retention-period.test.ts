// covers: schemas/data-terms.ts
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { retentionEnd, termsFault } from '../../../protocol/compliance/retention-period.ts';
import { parse } from '../../../protocol/parse.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { DataTerms, LawfulBasis } from '../../../schemas/data-terms.ts';

const day = (end: number | undefined) => (end === undefined ? undefined : new Date(end).toISOString());

test.each([
  ['2030-12-31', '2031-01-01T00:00:00.000Z'],
  ['2024-02-29', '2024-03-01T00:00:00.000Z'],
  ['2024-01-01/P5Y', '2029-01-01T00:00:00.000Z'],
  ['2024-01-31/P1M', '2024-02-29T00:00:00.000Z'],
  ['2024-02-29/P1Y', '2025-02-28T00:00:00.000Z'],
  ['2024-11-30/P1Y14M', '2027-01-30T00:00:00.000Z'],
  ['2024-01-01/P2W3D', '2024-01-18T00:00:00.000Z'],
  ['0099-01-01/P1D', '0099-01-02T00:00:00.000Z'],
])('%s ends at %s', (period, end) => {
  expect(day(retentionEnd(period))).toBe(end);
});

test('what is unlimited has no end', () => {
  expect(retentionEnd('unlimited')).toBe(Number.POSITIVE_INFINITY);
});

test.each(['2023-02-29', '2024-13-01', '2024-00-10', '2024-04-31/P1Y', '2024-01-00', 'P5Y', 'never'])(
  '%s names no day',
  (period) => {
    expect(retentionEnd(period)).toBeUndefined();
  },
);

test('a longer duration ends no earlier, and a day begins and ends with itself', () => {
  const date = fc.date({ min: new Date('1970-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(date, fc.nat(50), fc.nat(30), fc.nat(400), (at, years, months, days) => {
      const first = at.toISOString().slice(0, 10);
      const end = retentionEnd(`${first}/P${years}Y${months}M${days}D`) ?? Number.NaN;
      expect(end).toBeGreaterThanOrEqual(Date.parse(first));
      expect(retentionEnd(`${first}/P${years}Y${months}M${days + 1}D`)).toBe(end + 86_400_000);
      expect(retentionEnd(`${first}/P${years}Y${months + 12}M${days}D`)).toBe(
        retentionEnd(`${first}/P${years + 1}Y${months}M${days}D`),
      );
      expect(retentionEnd(first)).toBe(Date.parse(first) + 86_400_000);
    }),
    { numRuns: 200 },
  );
});

describe('terms', () => {
  const good = {
    origin: 'visits',
    lawfulBasis: 'consent',
    retention: '2030-12-31',
    contact: 'office@a.example',
  };

  test('are read, and nothing else in their place', () => {
    expect(parse(DataTerms, good, 'terms')).toEqual(good);
    const bad = [
      { ...good, lawfulBasis: 'because' },
      { ...good, retention: '2024-01-01/P' },
      { ...good, retention: 'P5Y' },
      { ...good, retention: '2024-01-01/P9999Y' },
      { ...good, contact: '' },
      { ...good, origin: 'a\nb' },
      { ...good, patients: ['x'] },
      { ...good, retention: undefined },
    ];
    for (const terms of bad) expect(() => parse(DataTerms, terms, 'terms')).toThrow(HanseError);
  });

  test('of persons end one day', () => {
    const bases = LawfulBasis.anyOf.map(({ const: basis }) => basis);
    const unlimited = bases.filter((lawfulBasis) => !termsFault({ lawfulBasis, retention: 'unlimited' }));
    expect(unlimited).toEqual(['disclosedByPerson', 'notPersonal']);
    for (const lawfulBasis of bases) {
      expect(termsFault({ lawfulBasis, retention: '2024-01-01/P5Y' })).toBeUndefined();
      expect(termsFault({ lawfulBasis, retention: '2023-02-29' })).toMatchObject({ member: 'retention' });
    }
  });
});

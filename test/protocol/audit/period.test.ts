import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dayOf, isWithin, parsePeriod, periodInWords } from '../../../protocol/audit/period.ts';

test.each([
  ['2026', '2026-01-01', '2026-12-31'],
  ['2026-Q1', '2026-01-01', '2026-03-31'],
  ['2026-Q4', '2026-10-01', '2026-12-31'],
  ['2026-11', '2026-11-01', '2026-11-30'],
  ['2026-02', '2026-02-01', '2026-02-28'],
  ['2028-02', '2028-02-01', '2028-02-29'],
  ['2100-02', '2100-02-01', '2100-02-28'],
  ['2000-02', '2000-02-01', '2000-02-29'],
  ['2028-02-29', '2028-02-29', '2028-02-29'],
  ['2026-11-03..2026-11-28', '2026-11-03', '2026-11-28'],
  ['2026-10..2026-11', '2026-10-01', '2026-11-30'],
  ['2026-11-03..', '2026-11-03', undefined],
  ['..2026-Q3', undefined, '2026-09-30'],
  ['all', undefined, undefined],
])('%s', (text, first, last) => {
  expect(parsePeriod(text)).toEqual({ name: text, ...(first && { first }), ...(last && { last }) });
});

test.each(
  [
    ['', '..', 'November', '2026-13', '2026-00', '2026-Q5', '2026-Q0', '2026-02-29', '2026-11-31', '2026-1'],
    ['2026-11-00', '2026-11-02..2026-11-01', '2026-11-01..2026-11-02..', '2026-11-01T00:00Z', ' 2026', 'ALL'],
  ].flat(),
)('%j is none', (text) => {
  expect(() => parsePeriod(text)).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('days are those of UTC: the first and the last moment of a period are in it, its neighbours are not', () => {
  const period = parsePeriod('2026-11');
  for (const time of ['2026-11-01T00:00:00Z', '2026-11-01T00:00:00.000Z', '2026-11-30T23:59:59.999Z'])
    expect(isWithin(period, time)).toBe(true);
  for (const time of ['2026-10-31T23:59:59.999Z', '2026-12-01T00:00:00.000Z'])
    expect(isWithin(period, time)).toBe(false);
  // Whoever lives in another zone asks for days of UTC all the same.
  expect(dayOf(new Date('2026-11-30T22:00:00-05:00').toISOString())).toBe('2026-12-01');
  expect(periodInWords(period)).toBe('2026-11-01 to 2026-11-30, days of UTC');
});

test('a month is the days that the calendar gives it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9998 }), fc.integer({ min: 1, max: 12 }), (year, month) => {
      const [y, m] = [String(year).padStart(4, '0'), String(month).padStart(2, '0')];
      const end = new Date(0);
      end.setUTCFullYear(year, month, 0);
      expect(parsePeriod(`${y}-${m}`).last).toBe(end.toISOString().slice(0, 10));
    }),
  );
});

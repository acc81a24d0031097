import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTimeZone, isWithinHours, nextOpening } from '../../../protocol/exchange/hours.ts';
import type { HoursWindow, Weekday } from '../../../schemas/node-policy.ts';

const at = (text: string) => Date.parse(text);
const night: HoursWindow = { from: '22:00', to: '06:00' };

test.each<[moment: string, zone: string, isOpen: boolean]>([
  ['2026-01-05T21:59:59Z', 'UTC', false],
  ['2026-01-05T22:00:00Z', 'UTC', true],
  ['2026-01-06T05:59:59Z', 'UTC', true],
  ['2026-01-06T06:00:00Z', 'UTC', false],
  ['2026-01-05T21:00:00Z', 'Europe/Berlin', true],
  ['2026-07-05T20:00:00Z', 'Europe/Berlin', true],
  ['2026-01-05T20:00:00Z', 'Europe/Berlin', false],
])('22:00 to 06:00 at %s in %s: %s', (moment, zone, isOpen) => {
  expect(isWithinHours([night], zone, at(moment))).toBe(isOpen);
});

test('weekdays are those on which a window begins', () => {
  const friday: HoursWindow = { ...night, weekdays: ['fri'] };
  // 2026-01-02 is a Friday.
  expect(isWithinHours([friday], 'UTC', at('2026-01-02T23:00:00Z'))).toBe(true);
  expect(isWithinHours([friday], 'UTC', at('2026-01-03T05:00:00Z'))).toBe(true);
  expect(isWithinHours([friday], 'UTC', at('2026-01-02T05:00:00Z'))).toBe(false);
  expect(isWithinHours([friday], 'UTC', at('2026-01-03T23:00:00Z'))).toBe(false);
  expect(isWithinHours([{ from: '00:00', to: '00:00' }], 'UTC', at('2026-01-03T23:00:00Z'))).toBe(true);
  expect(isWithinHours([], 'UTC', at('2026-01-03T23:00:00Z'))).toBe(false);
});

test('the clock is set forward over the beginning of a window: it is open from then on', () => {
  const window: HoursWindow = { from: '02:30', to: '04:00' };
  // In Berlin 01:59:59 is followed by 03:00:00 on 2026-03-29.
  expect(nextOpening([window], 'Europe/Berlin', at('2026-03-29T00:00:00Z'))).toBe(at('2026-03-29T01:00:00Z'));
  expect(nextOpening([window], 'Europe/Berlin', at('2026-03-28T00:00:00Z'))).toBe(at('2026-03-28T01:30:00Z'));
});

test('zones that the runtime does not know are found', () => {
  expect([isTimeZone('Europe/Berlin'), isTimeZone('UTC'), isTimeZone('Mars/Olympus')]).toEqual([
    true,
    true,
    false,
  ]);
});

const time = fc
  .tuple(fc.nat(23), fc.nat(59))
  .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`);
const DAYS: Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const windowOf = fc.record(
  { from: time, to: time, weekdays: fc.uniqueArray(fc.constantFrom(...DAYS), { minLength: 1 }) },
  { requiredKeys: ['from', 'to'] },
);

describe('the next opening', () => {
  test('is the first open minute, as a search minute by minute finds it', () => {
    const moment = fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') });
    fc.assert(
      fc.property(fc.array(windowOf, { minLength: 1, maxLength: 3 }), moment, (windows, now) => {
        const found = nextOpening(windows, 'UTC', now) ?? Number.NaN;
        expect(isWithinHours(windows, 'UTC', found)).toBe(true);
        const first = Math.floor(now / 60_000) * 60_000 + 60_000;
        for (let minute = first; minute < Math.min(found, first + 200 * 60_000); minute += 60_000)
          expect(isWithinHours(windows, 'UTC', minute)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

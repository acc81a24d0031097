import { expect, test } from 'vitest';
import { clockSkew } from '../../../client/doctor/clock-skew.ts';

const NOON = Date.parse('2026-01-01T12:00:00.000Z');
const DATE = 'Thu, 01 Jan 2026 12:00:00 GMT';

test.each<[string, number, number, boolean, string]>([
  ['the same moment', 0, 0, true, 'to the second'],
  ['within the second that the header means', 999, 1000, true, 'to the second'],
  ['an answer that took its time', -20_000, 20_000, true, 'to the second'],
  ['a clock that is behind', -30_000, -30_000, true, '30 s behind'],
  ['a clock that is too far behind', -31_000, -31_000, false, '31 s behind'],
  ['a clock that is ahead', 31_000, 31_000, true, '30 s ahead of'],
  ['a clock that is too far ahead', 3_601_000, 3_601_000, false, '3600 s ahead of'],
])('%s', (_, sent, received, ok, detail) => {
  const finding = clockSkew({ date: DATE, sentAt: NOON + sent, receivedAt: NOON + received });
  expect(finding).toMatchObject({ ok, needed: true, detail: expect.stringContaining(detail) });
  expect(finding.remedy).toContain('NTP');
});

test.each([undefined, '', 'noon'])('a coordinator that says %j is only told', (date) => {
  const finding = clockSkew({ date, sentAt: NOON, receivedAt: NOON });
  expect(finding).toMatchObject({ ok: false, needed: false });
});

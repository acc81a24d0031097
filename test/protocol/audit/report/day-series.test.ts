import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DaySeries } from '../../../../protocol/audit/report/day-series.ts';

test('days without anything are drawn too, kinds are sorted', () => {
  const series = new DaySeries();
  series.add('2026-11-03', 'round', 2);
  series.add('2026-11-01', 'job', 1);
  series.add('2026-11-03', 'round', 1);
  expect(series.series()).toEqual({
    spans: ['2026-11-01', '2026-11-02', '2026-11-03'],
    ...{ isByMonth: false, leftOut: 0 },
    kinds: [
      { name: 'job', amounts: [1, 0, 0] },
      { name: 'round', amounts: [0, 0, 3] },
    ],
  });
});

test('many days are drawn by month', () => {
  const series = new DaySeries();
  for (const day of ['2026-01-31', '2026-02-01', '2026-12-31']) series.add(day, 'job', 1);
  const { spans, isByMonth, kinds } = series.series();
  expect(isByMonth).toBe(true);
  expect(spans.length).toBe(12);
  expect(kinds[0]?.amounts.map((amount, at) => [spans[at], amount]).filter(([, amount]) => amount)).toEqual([
    ['2026-01', 1],
    ['2026-02', 1],
    ['2026-12', 1],
  ]);
});

test('days that whoever has written the log has made up have a limit, and so have kinds', () => {
  const series = new DaySeries();
  for (let year = 0; year < 9999; year += 1) series.add(`${String(year).padStart(4, '0')}-01-01`, 'job', 1);
  for (let kind = 0; kind < 100; kind += 1) series.add('0000-01-01', `kind ${kind}`, 1);
  const { spans, kinds, leftOut } = series.series();
  expect(spans.length).toBe(1100);
  expect(kinds.length).toBe(64);
  expect(leftOut).toBe(9999 - 1100 + 37);
});

test('nothing is lost on the way', () => {
  const entry = fc.tuple(
    fc.integer({ min: 1, max: 28 }),
    fc.integer({ min: 1, max: 12 }),
    fc.nat(3),
    fc.nat(9),
  );
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const series = new DaySeries();
      const two = (number: number) => String(number).padStart(2, '0');
      for (const [day, month, kind, amount] of entries)
        series.add(`2026-${two(month)}-${two(day)}`, `k${kind}`, amount);
      const { kinds } = series.series();
      for (const { name, amounts } of kinds)
        expect(amounts.reduce((sum, one) => sum + one, 0)).toBe(
          entries
            .filter(([, , kind]) => `k${kind}` === name)
            .reduce((sum, [, , , amount]) => sum + amount, 0),
        );
    }),
  );
});

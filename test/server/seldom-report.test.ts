import { expect, test } from 'vitest';
import { seldom } from '../../server/seldom-report.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';

test('the first of a kind at once, then one a minute with how many there were', async () => {
  const clock = new VirtualClock();
  const told: string[] = [];
  const report = seldom((error, doing) => told.push(`${error} ${doing}`), clock);
  report('full', 'a', 'writing');
  report('full', 'b', 'writing');
  report('failed', 'c', 'reading');
  await clock.advance(59_999);
  report('full', 'd', 'writing');
  expect(told).toEqual(['a writing', 'c reading']);
  await clock.advance(1);
  report('full', 'e', 'writing');
  report('full', 'f', 'writing');
  expect(told.slice(2)).toEqual(['e writing (and 2 times since the last report)']);
  await clock.advance(3_600_000);
  report('failed', 'g', 'reading');
  expect(told.slice(3)).toEqual(['g reading']);
});

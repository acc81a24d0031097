import { expect, test } from 'vitest';
import { everySoOften } from '../../../client/commands/every-so-often.ts';

test('nothing is said before three seconds have passed, and then what is true by then', () => {
  let now = 0;
  const lines: number[] = [];
  const say = everySoOften(
    (line: number) => lines.push(line),
    () => now,
  );
  for (now = 0; now < 10_000; now += 100) say(now);
  expect(lines).toEqual([3000, 6000, 9000]);
});

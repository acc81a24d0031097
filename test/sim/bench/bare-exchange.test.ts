// covers: sim/bench/bare-exchange.ts, sim/bench/bare-client.ts
import { expect, test } from 'vitest';
import { exchangeUntilGone } from '../../../sim/bench/bare-client.ts';
import { exchangeBytes } from '../../../sim/bench/bare-exchange.ts';

test('rounds end when every client has got and put its bytes, and the clients end with the server', async () => {
  const ends: Promise<void>[] = [];
  const rounds = await exchangeBytes(
    { clients: 3, rounds: 4, bytesDown: 100_000, bytesUp: 70_000 },
    (script, [origin = '', bytesUp]) => {
      expect(script).toBe('./bare-client.js');
      ends.push(exchangeUntilGone(origin, Number(bytesUp)));
      return { pid: 0, next: () => Promise.reject(new Error('it says nothing')), stop: async () => {} };
    },
  );
  await Promise.all(ends);
  expect([rounds.length, ends.length]).toEqual([4, 3]);
  for (const { milliseconds } of rounds) expect(milliseconds).toBeGreaterThan(0);
});

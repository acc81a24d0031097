import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs } from '../../client/backoff.ts';
import { DEFAULT_PAUSES } from '../../client/retrying-coordinator.ts';
import { returnAfterMs } from '../../client/task-feed.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';

const jitterOf = (seed: number) => new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));

test('pauses fill the whole range from nothing to the doubled pause, and no more than the longest', () => {
  const jitter = jitterOf(1);
  for (const failures of [0, 3, 6, 40]) {
    const longest = Math.min(15_000, 200 * 2 ** failures);
    const pauses = Array.from({ length: 2000 }, () => backoffMs(failures, DEFAULT_PAUSES, jitter));
    expect(pauses.every((pause) => Number.isInteger(pause) && pause >= 0 && pause <= longest)).toBe(true);
    // Uniform: every tenth of the range has its share.
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const share = pauses.filter((pause) => Math.min(9, Math.floor((10 * pause) / longest)) === tenth);
      expect(share.length).toBeGreaterThan(130);
      expect(share.length).toBeLessThan(280);
    }
  }
});

describe('a thousand participants whose coordinator was away', () => {
  const NODES = 1000;

  /** When each of them is answered again, in milliseconds after the coordinator is back. */
  function returns(seed: number, awayMs: number, spreadMs: number): number[] {
    const jitter = jitterOf(seed);
    return Array.from({ length: NODES }, () => {
      let at = returnAfterMs(spreadMs, 1, jitter);
      for (let failures = 0; at < awayMs; failures += 1)
        at += 1 + backoffMs(failures, DEFAULT_PAUSES, jitter);
      return at - awayMs;
    }).sort((a, b) => a - b);
  }

  function mostWithin(moments: readonly number[], windowMs: number): number {
    let most = 0;
    let first = 0;
    moments.forEach((moment, index) => {
      while ((moments[first] as number) < moment - windowMs) first += 1;
      most = Math.max(most, index - first + 1);
    });
    return most;
  }

  test('do not come back in one second, however long it was away', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 250 }), fc.integer({ min: 0, max: 300_000 }), (seed, awayMs) => {
        expect(mostWithin(returns(seed, awayMs, 10_000), 1000)).toBeLessThan(NODES / 2);
      }),
      { numRuns: 60 },
    );
  });

  test('which they would, without the spread that the coordinator names', () => {
    expect(mostWithin(returns(1, 300, 0), 1000)).toBeGreaterThan(0.9 * NODES);
  });

  test('and all are back within a minute', () => {
    for (const awayMs of [0, 300, 5000, 300_000])
      expect(returns(2, awayMs, 10_000).at(-1)).toBeLessThan(60_000);
  });
});

import { beforeEach, expect, test } from 'vitest';
import { passGate } from '../../server/release-gate.ts';

// With the runner around it: job-runner.test.ts.

let asked: number[];
let withheld: [number, number][];
let over: AbortController;
beforeEach(() => {
  [asked, withheld, over] = [[], [], new AbortController()];
});

/** @param answers of the witnesses, one call after the other */
const gate = (answers: readonly boolean[], needed = 2) =>
  passGate({
    witnessing: {
      standing: { cosigned: 1, needed },
      reach: async (milliseconds) => answers[asked.push(milliseconds) - 1] ?? false,
    },
    waitMs: 30_000,
    over: over.signal,
    withhold: async (...standing) => void withheld.push(standing),
  });

test('where nobody witnesses nothing waits', async () => {
  const withhold = () => Promise.reject(new Error('withheld'));
  const open = { witnessing: undefined, waitMs: 1, over: over.signal, withhold };
  expect(await passGate(open)).toBe(true);
});

test('what is seen in time passes, and nothing is told', async () => {
  expect(await gate([true])).toBe(true);
  expect([asked, withheld]).toEqual([[30_000], []]);
});

test('what is not is told to be withheld, once, and passes when it is seen', async () => {
  expect(await gate([false, true])).toBe(true);
  expect([asked, withheld]).toEqual([[30_000, Number.POSITIVE_INFINITY], [[1, 2]]]);
});

test('of no witnesses that are needed nothing is withheld', async () => {
  expect(await gate([false, true], 0)).toBe(true);
  expect(withheld).toEqual([]);
});

test('what is over passes no more, and nothing is told', async () => {
  expect(await gate([false, false])).toBe(false);
  expect(withheld).toEqual([[1, 2]]);
  over.abort();
  asked = [];
  expect(await gate([false, true])).toBe(false);
  expect([asked, withheld.length]).toEqual([[30_000], 1]);
});

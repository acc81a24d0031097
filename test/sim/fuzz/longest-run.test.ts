import { expect, test } from 'vitest';
import type { FuzzFault, FuzzSchedule } from '../../../schemas/fuzz-schedule.ts';
import { longestMs } from '../../../sim/fuzz/longest-run.ts';

const schedule = (faults: FuzzFault[], overrides: Partial<FuzzSchedule> = {}): FuzzSchedule => ({
  seed: 1,
  participants: 3,
  hasEvaluator: false,
  rounds: 2,
  cohort: { size: 3, minimum: 3 },
  maxAttempts: 3,
  collectSeconds: 10,
  evaluateSeconds: 5,
  tasks: 'asked for',
  updates: 'whole',
  faults,
  ...overrides,
});
const QUIET_MS = longestMs(schedule([]));

test('every attempt of every round may take all of its time', () => {
  expect(QUIET_MS).toBe(2 * 3 * (15_000 + 60_000));
  expect(longestMs(schedule([], { maxAttempts: 1 }))).toBe(QUIET_MS / 3);
});

test('messages of a secure round have time of their own', () => {
  const secure = { suite: 1, extra: 0, primitives: 'symbolic', replies: 'asked for' } as const;
  const withAnswers = (answerSeconds: number) =>
    longestMs(schedule([], { secure: { ...secure, answerSeconds } })) - QUIET_MS;
  expect(withAnswers(3)).toBe(2 * 3 * (10_000 + 3 * 3000));
  expect(withAnswers(40)).toBe(2 * 3 * (40_000 + 3 * 40_000));
});

test.each<[what: string, moreMs: number, faults: FuzzFault[]]>([
  ['a process is down', 700, [{ kind: 'process', of: 0, what: 'killed', atMs: 500, forMs: 200 }]],
  [
    'two are down, the last of them counts',
    1000,
    [
      { kind: 'process', of: 0, what: 'killed', atMs: 500, forMs: 200 },
      { kind: 'process', of: 1, what: 'frozen', atMs: 900, forMs: 100 },
    ],
  ],
  ['a clock is set back', 800, [{ kind: 'clock', of: 'coordinator', atMs: 500, byMs: -300 }]],
  ['a message is late', 40, [{ kind: 'message', from: 0, message: 1, what: 'request late', byMs: 40 }]],
])('faults come on top: %s', (_, moreMs, faults) => {
  expect(longestMs(schedule(faults))).toBe(QUIET_MS + moreMs);
});

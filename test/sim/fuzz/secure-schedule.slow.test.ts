// covers: sim/fuzz/fuzz-node.ts, sim/fuzz/fuzz-party.ts, sim/fuzz/foundation.ts, sim/fuzz/replies-apart.ts
import { describe, expect, test } from 'vitest';
import type { FuzzFault, FuzzSchedule } from '../../../schemas/fuzz-schedule.ts';
import { runCampaign } from '../../../sim/fuzz/campaign.ts';
import { SECURE_ROUTES } from '../../../sim/fuzz/draw-schedule.ts';
import { runSchedule } from '../../../sim/fuzz/run-schedule.ts';

type Secure = NonNullable<FuzzSchedule['secure']>;

/** Of five participants five are chosen, of whom four open a sum of at most four. */
function schedule(faults: readonly FuzzFault[], secure: Partial<Secure> = {}): FuzzSchedule {
  return {
    seed: 3,
    participants: 5,
    hasEvaluator: false,
    rounds: 1,
    cohort: { size: 5, minimum: 2 },
    secure: {
      ...{ suite: 1, extra: 0, answerSeconds: 5, primitives: 'symbolic', replies: 'with the answer' },
      ...secure,
    },
    maxAttempts: 3,
    collectSeconds: 8,
    evaluateSeconds: 5,
    tasks: 'streamed',
    updates: 'whole',
    faults: [...faults],
  };
}

const times = (what: string, story: readonly string[]) =>
  story.filter((record) => record.split(' ')[2] === what).length;

test('without faults a secure round is released with all, and the real primitives tell the same story', async () => {
  const stories = [];
  for (const primitives of ['symbolic', 'real'] as const)
    for (const suite of [1, 2] as const) {
      const { story, violation, released } = await runSchedule(schedule([], { primitives, suite }));
      expect([violation, released]).toEqual([undefined, 1]);
      expect(times('answerAccepted', story)).toBe(5);
      stories.push(story.map((record) => record.split(' ').slice(0, 4).join(' ')));
    }
  const job = (line: string) => line.split(' ').slice(1).join(' ');
  expect(new Set(stories.map((story) => story.map(job).join('\n'))).size).toBe(1);
});

describe('kill -9 of a participant', () => {
  const places = SECURE_ROUTES.flatMap((route) =>
    (['with the answer', 'asked for'] as const)
      .filter((replies) => replies === 'asked for' || !route.startsWith('get'))
      .map((replies) => [route, replies] as const),
  );

  test.each(places)(
    'around its %s, what follows %s: the round goes on without it, or with the answer it had given',
    async (route, replies) => {
      for (const what of ['killed before', 'killed after'] as const) {
        const killed = { kind: 'message', from: 1, message: 0, route, what, byMs: 300 } as const;
        const { violation, released, happened } = await runSchedule(schedule([killed], { replies }));
        expect(violation).toBeUndefined();
        expect(released).toBe(1);
        expect(Object.keys(happened)[0]).toContain(`message: ${route} ${what}`);
      }
    },
  );

  test.each(['fails', 'fails late', 'killed before', 'killed after'] as const)(
    'while it writes down what it has spent (%s): nothing is said twice',
    async (what) => {
      for (const at of [0, 1, 2]) {
        const fault = { kind: 'journal', of: 1, at, what, downMs: 300 } as const;
        const { violation, released, happened } = await runSchedule(schedule([fault]));
        expect(violation).toBeUndefined();
        expect(released).toBe(1);
        expect(Object.keys(happened)[0]).toContain(`journal: ${what}`);
      }
    },
  );

  test('an answer that was written down and not sent is sent by its next process', async () => {
    const killed = { kind: 'journal', of: 1, at: 1, what: 'killed after', downMs: 100 } as const;
    // Without a second one the round needs the first.
    const declines = { kind: 'training', of: 2, round: 1, life: 1 } as const;
    const { violation, story } = await runSchedule(schedule([killed, declines]));
    expect(violation).toBeUndefined();
    expect([times('taskDeclined', story), times('answerAccepted', story)]).toEqual([1, 4]);
    expect([times('cohortSelected', story), times('released', story)]).toEqual([1, 1]);
  });
});

test('kill -9 of the coordinator at any of its records: the round goes on, in one attempt or in the next', async () => {
  const clean = await runSchedule(schedule([]));
  const records = clean.story.filter((record) => record.startsWith('job/')).length;
  expect(records).toBeGreaterThan(25);
  for (let at = 1; at < records; at += 1)
    for (const what of ['killed before', 'killed after'] as const) {
      const killed = { kind: 'disk', operation: 'append', at, what, downMs: 400 } as const;
      const { violation, released } = await runSchedule(schedule([killed]));
      expect({ at, what, violation, released }).toEqual({ at, what, violation: undefined, released: 1 });
    }
});

test('a participant that is lost between its shares and its update costs the others nothing', async () => {
  const lost = { kind: 'message', from: 1, message: 0, route: 'putMaskedUpdate' } as const;
  const killed = { ...lost, what: 'killed before', byMs: 60_000 } as const;
  const { violation, released, story } = await runSchedule(schedule([killed]));
  expect([violation, released]).toEqual([undefined, 1]);
  expect([times('sharesAccepted', story), times('updateAccepted', story)]).toEqual([5, 4]);
});

test('eighty schedules of secure jobs break no rule, and are eventful', async () => {
  const { finds, ...sums } = await runCampaign({
    ...{ participants: 8, rounds: 2, aggregation: 'secure', from: 6_000_000, seeds: 80 },
    signal: new AbortController().signal,
  });
  expect(finds).toEqual([]);
  expect(sums.released).toBeGreaterThan(40);
  expect(sums.aborted).toBeGreaterThan(20);
  expect(
    Object.keys(sums.happened).filter((what) => /unmasking|consenting/.test(what)).length,
  ).toBeGreaterThan(10);
});

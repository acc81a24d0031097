// covers: sim/fuzz/machine.ts, sim/fuzz/fuzz-coordinator.ts, sim/fuzz/faulty-disk.ts, sim/fuzz/faulty-network.ts, sim/fuzz/foundation.ts, sim/fuzz/fuzz-node.ts, sim/fuzz/fuzz-operator.ts
import { describe, expect, test } from 'vitest';
import type { FuzzFault, FuzzSchedule } from '../../../schemas/fuzz-schedule.ts';
import { runCampaign } from '../../../sim/fuzz/campaign.ts';
import { drawSchedule } from '../../../sim/fuzz/draw-schedule.ts';
import { runSchedule } from '../../../sim/fuzz/run-schedule.ts';

const signal = new AbortController().signal;

/** All of four participants in two rounds, in one attempt each. */
function schedule(faults: readonly FuzzFault[], overrides: Partial<FuzzSchedule> = {}): FuzzSchedule {
  return {
    seed: 1,
    participants: 4,
    hasEvaluator: true,
    rounds: 2,
    cohort: { size: 4, minimum: 3 },
    maxAttempts: 1,
    collectSeconds: 10,
    evaluateSeconds: 5,
    tasks: 'asked for',
    updates: 'whole',
    faults: [...faults],
    ...overrides,
  };
}

const typesOf = (story: readonly string[]) => story.map((record) => record.split(' ')[2]);
const times = (what: string, story: readonly string[]) =>
  typesOf(story).filter((type) => type === what).length;

test('without faults every round is released with all of its cohort, at once', async () => {
  const outcome = await runSchedule(schedule([]));
  expect(outcome).toMatchObject({ receipts: 8, released: 2, aborted: 0 });
  expect(outcome.violation).toBeUndefined();
  expect(outcome.virtualMs).toBeLessThan(10_000);
  const round = ['cohortSelected', ...Array(4).fill('updateAccepted'), 'aggregated', 'evaluated', 'released'];
  expect(typesOf(outcome.story)).toEqual(['jobCreated', ...round, ...round]);
});

test('one schedule, one run; another seed, another', async () => {
  const drawn = drawSchedule(7, { participants: 8, rounds: 2 });
  expect(drawn.faults.length).toBeGreaterThan(0);
  const outcome = await runSchedule(drawn);
  expect(await runSchedule(drawn)).toEqual(outcome);
  expect((await runSchedule({ ...drawn, seed: 8 })).story).not.toEqual(outcome.story);
});

describe('each kind of fault befalls somebody', () => {
  test('a message that is lost is sent again; its answer too', async () => {
    for (const what of ['request lost', 'answer lost', 'request cut'] as const) {
      const fault = { kind: 'message', from: 2, message: 4, what, byMs: 0 } as const;
      const outcome = await runSchedule(schedule([fault], { collectSeconds: 30 }));
      expect(outcome.violation).toBeUndefined();
      expect(outcome).toMatchObject({ receipts: 8, released: 2 });
      // A connection that breaks is noticed at once; where nothing comes, the node waits.
      const isDelayed = what !== 'request cut';
      expect(outcome.virtualMs > 10_000).toBe(isDelayed);
    }
  });

  test('an update later than the deadline is not waited for', async () => {
    const late = { kind: 'message', from: 2, message: 4, what: 'request late', byMs: 30_000 } as const;
    const { story, virtualMs, violation } = await runSchedule(schedule([late], { rounds: 1 }));
    expect(violation).toBeUndefined();
    expect(times('deadlinePassed', story)).toBe(1);
    expect(times('updateAccepted', story)).toBe(3);
    expect(virtualMs).toBeGreaterThan(10_000);
  });

  test('a coordinator that is killed in the middle of an append loses it or has it, as it happened', async () => {
    const run = (what: 'killed before' | 'killed after') =>
      runSchedule(schedule([{ kind: 'disk', operation: 'append', at: 1, what, downMs: 3000 }]));
    for (const what of ['killed before', 'killed after'] as const) {
      const { story, released, violation } = await run(what);
      expect(violation).toBeUndefined();
      expect(released).toBe(2);
      expect(times('jobCreated', story)).toBe(1);
    }
    const at = (story: readonly string[]) => Date.parse(story[1]?.split(' ')[3] ?? '') % 60_000;
    expect(at((await run('killed after')).story)).toBeLessThan(1000);
    expect(at((await run('killed before')).story)).toBeGreaterThan(3000);
  });

  test('a node that is killed comes back with another update', async () => {
    const killed = { kind: 'process', of: 1, what: 'killed', atMs: 300, forMs: 500 } as const;
    const [clean, outcome] = [await runSchedule(schedule([])), await runSchedule(schedule([killed]))];
    expect(outcome.violation).toBeUndefined();
    expect(outcome).toMatchObject({ receipts: 8, released: 2 });
    expect(outcome.story).not.toEqual(clean.story);
  });

  test('a node that stands still past the deadline is missed', async () => {
    const frozen = { kind: 'process', of: 1, what: 'frozen', atMs: 300, forMs: 20_000 } as const;
    const { story, violation } = await runSchedule(schedule([frozen], { rounds: 1 }));
    expect(violation).toBeUndefined();
    expect([times('deadlinePassed', story), times('updateAccepted', story)]).toEqual([1, 3]);
  });

  test('a node whose clock is ahead of the deadline leaves the round to the others', async () => {
    const ahead = { kind: 'clock', of: 1, atMs: 0, byMs: 3_600_000 } as const;
    const { story, violation } = await runSchedule(schedule([ahead], { rounds: 1 }));
    expect(violation).toBeUndefined();
    expect(times('updateAccepted', story)).toBe(3);
  });

  test('trainings that fail below the minimum abort the attempt by name', async () => {
    const fails = [0, 1].map((of) => ({ kind: 'training', of, round: 1, life: 1 }) as const);
    const { story, released, aborted, violation } = await runSchedule(schedule(fails, { rounds: 1 }));
    expect(violation).toBeUndefined();
    expect([released, aborted, times('taskDeclined', story)]).toEqual([0, 1, 2]);
  });
});

describe('members', () => {
  const revoked = (of: number, atMs: number) =>
    ({ kind: 'membership', of, what: 'revoked', atMs, overlapSeconds: 0 }) as const;

  test('a node that is revoked is not waited for, nor chosen again', async () => {
    for (const atMs of [60, 150, 700, 2500]) {
      const { story, violation, released } = await runSchedule(schedule([revoked(1, atMs)]));
      expect(violation).toBeUndefined();
      expect(released).toBe(2);
      expect(times('memberRevoked', story)).toBe(1);
      expect(times('deadlinePassed', story)).toBe(0);
      expect(times('updateAccepted', story)).toBeLessThan(8);
    }
  });

  test('a revocation that comes twice, or whose answer is lost, is one', async () => {
    for (const what of ['request twice', 'answer lost'] as const) {
      const message = {
        kind: 'message',
        from: 'operator',
        message: 0,
        route: 'revokeMember',
        what,
        byMs: 40,
      };
      const faults = [revoked(1, 150), message as FuzzFault];
      const { story, violation, happened } = await runSchedule(schedule(faults));
      expect(violation).toBeUndefined();
      expect(times('memberRevoked', story)).toBe(1);
      expect(Object.keys(happened)).toContainEqual(expect.stringContaining(`revokeMember ${what}`));
    }
  });

  test('a node that changes its key takes part under the new one, though the answer is lost or the old key over', async () => {
    const changed = { kind: 'membership', of: 1, what: 'key changed', atMs: 10, overlapSeconds: 0 } as const;
    const lost = { kind: 'message', from: 1, message: 0, route: 'succeedKey', what: 'answer lost', byMs: 0 };
    for (const faults of [[changed], [changed, lost as FuzzFault]]) {
      const { story, violation } = await runSchedule(
        schedule(faults, { collectSeconds: 40, cohort: { size: 4, minimum: 4 } }),
      );
      expect(violation).toBeUndefined();
      expect(times('keySucceeded', story)).toBe(1);
      expect(times('updateAccepted', story)).toBe(8);
    }
  });
});

test('what an operator asks for is made once, although the network delivers each of its messages twice', async () => {
  const faults = Array.from({ length: 5 }, (_, message) => {
    return { kind: 'message', from: 'operator', message, what: 'request twice', byMs: 11 } as const;
  });
  const { violation, happened, story } = await runSchedule(schedule(faults));
  expect(violation).toBeUndefined();
  expect(Object.keys(happened).join()).toContain('message: createJob request twice');
  expect(times('jobCreated', story)).toBe(1);
});

describe('ways', () => {
  test.each(['request twice', 'request cut', 'answer lost', 'request late'] as const)(
    'an update in chunks arrives although one of them is disturbed: %s',
    async (what) => {
      for (const route of ['openUpload', 'putChunk', 'completeUpload'] as const) {
        const disturbed = { kind: 'message', from: 2, message: 0, route, what, byMs: 500 } as const;
        const outcome = await runSchedule(
          schedule([disturbed], { updates: 'in chunks', collectSeconds: 40 }),
        );
        expect(outcome.violation).toBeUndefined();
        expect(outcome).toMatchObject({ receipts: expect.any(Number), released: 2 });
        expect(outcome.receipts).toBeGreaterThanOrEqual(8);
        expect(Object.keys(outcome.happened)).toEqual([`message: ${route} ${what}, collecting`]);
      }
    },
  );

  test.each(['stream broken', 'request twice', 'request cut', 'answer lost', 'request lost'] as const)(
    'a node whose stream of tasks is disturbed takes part: %s',
    async (what) => {
      const disturbed = {
        kind: 'message',
        from: 2,
        message: 0,
        route: 'taskStream',
        what,
        byMs: 200,
      } as const;
      const outcome = await runSchedule(schedule([disturbed], { tasks: 'streamed', collectSeconds: 40 }));
      expect(outcome.violation).toBeUndefined();
      // Who cannot ask for tasks is not there when the first cohort is drawn.
      expect(outcome.receipts).toBe(what === 'request lost' ? 7 : 8);
      expect(outcome.released).toBe(2);
      expect(Object.keys(outcome.happened)[0]).toContain(`taskStream ${what}`);
    },
  );

  test('streams of tasks break with the coordinator, and are opened again', async () => {
    const killed = { kind: 'process', of: 'coordinator', what: 'killed', atMs: 400, forMs: 800 } as const;
    const outcome = await runSchedule(schedule([killed], { tasks: 'streamed', collectSeconds: 40 }));
    expect(outcome.violation).toBeUndefined();
    expect(outcome.released).toBe(2);
  });
});

test('a job whose first record was written although the disk said otherwise is created', async () => {
  const failed = { kind: 'disk', operation: 'append', at: 0, what: 'fails late', downMs: 0 } as const;
  const { story, violation, released } = await runSchedule(schedule([failed]));
  expect(violation).toBeUndefined();
  expect([times('jobCreated', story), released]).toEqual([1, 2]);
});

test('a hundred schedules break no rule, and are eventful', async () => {
  const { finds, ...sums } = await runCampaign({
    ...{ participants: 8, rounds: 1, from: 5_000_000, seeds: 100, signal },
  });
  expect(finds).toEqual([]);
  expect(sums.seeds).toBe(100);
  expect(sums.faults).toBeGreaterThan(300);
  expect(sums.released).toBeGreaterThan(50);
  expect(sums.aborted).toBeGreaterThan(5);
});

test('a campaign ends when it is asked to', async () => {
  const stop = new AbortController();
  const size = { participants: 2, rounds: 1, from: 0, seeds: 1000 };
  const { seeds } = await runCampaign({
    ...size,
    signal: stop.signal,
    onSeed: (done) => done === 3 && stop.abort(),
  });
  expect(seeds).toBe(3);
});

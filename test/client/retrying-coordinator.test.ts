import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import {
  DEFAULT_PAUSES,
  type RetryOptions,
  repeatsOfCommand,
  retryingCoordinator,
} from '../../client/retrying-coordinator.ts';
import { HanseError } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { type Call, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';

const away = new HanseError('coordinatorUnreachable', { url: 'http://127.0.0.1:9', reason: 'refused' });
const garbled = new HanseError('coordinatorMisbehaved', { what: 'no JSON' });
const params = { jobId: 'job-0123456789abcdef', round: '1', attempt: '1' };

/** Answers with these problems, one after the other, then with success. */
function failing(problems: readonly unknown[], seed = 1, repeats?: RetryOptions['repeats']) {
  const clock = new HastyClock(DEFAULT_PAUSES.longestPauseMs);
  const bodies: unknown[] = [];
  const inner = scriptedCoordinator({
    putUpdate: ({ body }) => {
      bodies.push(body);
      const problem = problems[bodies.length - 1];
      if (problem) throw problem;
      return { sha256: '0'.repeat(64), bytes: body.length };
    },
  });
  const told: string[] = [];
  const api = retryingCoordinator(inner, {
    clock,
    random: seededRandom(new Uint8Array(32).fill(seed)),
    ...DEFAULT_PAUSES,
    ...(repeats && { repeats }),
    onRetry: ({ code }) => told.push(code),
  });
  return { api, inner, clock, bodies, told };
}

test.each([
  away,
  new HanseError('overloaded'),
  new HanseError('storageFull', { path: '/' }),
  new HanseError('signatureExpired', { skewSeconds: 90 }),
  new HanseError('internalError', { reference: 'x' }),
])('after $code the same body is sent again, until it is taken', async (problem) => {
  const { api, bodies, told } = failing([problem, problem, problem]);
  const body = Uint8Array.of(1, 2, 3);
  await expect(api.call('putUpdate', { params, body })).resolves.toMatchObject({ bytes: 3 });
  expect(bodies).toEqual([body, body, body, body]);
  expect(told).toEqual([problem.code, problem.code, problem.code]);
});

test('who is told to wait waits for that time, and not all return at the end of it', async () => {
  const limited = (retryAfterSeconds: unknown) =>
    new HanseError('rateLimited', { what: 'read', retryAfterSeconds } as never);
  const pausesAfter = async (asked: unknown) => {
    const clock = new VirtualClock();
    const pauses: number[] = [];
    let asks = 0;
    const inner = scriptedCoordinator({
      listJobs: () => {
        asks += 1;
        if (asks < 3) throw limited(asked);
        return { jobs: [] };
      },
    });
    const random = seededRandom(new Uint8Array(32).fill(1));
    const onRetry = (_: HanseError, pauseMs: number) => pauses.push(pauseMs);
    const api = retryingCoordinator(inner, { clock, random, ...DEFAULT_PAUSES, onRetry });
    const answered = api.call('listJobs', {});
    await clock.advance(1_000_000);
    await answered;
    return pauses;
  };
  for (const pause of await pausesAfter(7)) expect(pause).toBeGreaterThanOrEqual(7000);
  expect(new Set(await pausesAfter(7)).size).toBe(2);
  // Nobody can be made to wait for ever, nor to hurry.
  for (const pause of await pausesAfter(1e9)) expect(pause).toBeLessThanOrEqual(60_400);
  for (const nothing of [undefined, '9', -5, Number.NaN, null])
    for (const pause of await pausesAfter(nothing)) {
      expect(pause).toBeGreaterThanOrEqual(0);
      expect(pause).toBeLessThanOrEqual(400);
    }
});

test.each([
  new HanseError('messageLate', { phase: 'collecting' }),
  new HanseError('coordinatorKeyMismatch', { pinned: 'a', got: 'b' }),
  new HanseError('signatureInvalid', { reason: 'x' }),
  new TypeError('a mistake of ours'),
])('$message is not repeated', async (problem) => {
  const refused = failing([problem]);
  await expect(refused.api.call('putUpdate', { params, body: new Uint8Array() })).rejects.toBe(problem);
  expect(refused.bodies).toHaveLength(1);
  const repeated = failing([away]);
  await expect(repeated.api.call('putUpdate', { params, body: new Uint8Array() })).resolves.toBeDefined();
  expect(repeated.bodies).toHaveLength(2);
});

test('answers that are not of the protocol are asked for again a few times, being unreachable for ever', async () => {
  const body = new Uint8Array();
  const four = failing([garbled, garbled, away, garbled, garbled]);
  await expect(four.api.call('putUpdate', { params, body })).resolves.toBeDefined();
  const five = failing(Array(5).fill(garbled));
  await expect(five.api.call('putUpdate', { params, body })).rejects.toBe(garbled);
  expect(five.bodies).toHaveLength(5);
  const long = failing(Array(50).fill(away));
  await expect(long.api.call('putUpdate', { params, body })).resolves.toBeDefined();
  expect(long.bodies).toHaveLength(51);
});

test('what somebody on the way has delivered twice is signed afresh, a few times', async () => {
  const replayed = new HanseError('requestReplayed');
  const body = new Uint8Array();
  const twice = failing([replayed, replayed]);
  await expect(twice.api.call('putUpdate', { params, body })).resolves.toBeDefined();
  expect(twice.bodies).toHaveLength(3);
  const always = failing(Array(9).fill(replayed));
  await expect(always.api.call('putUpdate', { params, body })).rejects.toBe(replayed);
  expect(always.bodies).toHaveLength(5);
});

describe('a command', () => {
  const none = async () => {};
  const script = (problems: HanseError[]) => {
    const calls: string[] = [];
    const answer = (name: string) => () => {
      calls.push(name);
      const problem = problems[calls.length - 1];
      if (problem) throw problem;
      return {} as never;
    };
    const routes = ['createInvite', 'getJob', 'getFederation'] as const;
    const inner = scriptedCoordinator(Object.fromEntries(routes.map((name) => [name, answer(name)])));
    const clock = new HastyClock(DEFAULT_PAUSES.longestPauseMs);
    const random = seededRandom(new Uint8Array(32));
    return {
      calls,
      api: retryingCoordinator(inner, { clock, random, ...DEFAULT_PAUSES, repeats: repeatsOfCommand }),
    };
  };
  const asks = {
    createInvite: (api: CoordinatorApi) =>
      api.call('createInvite', { body: { role: 'participant', organisationId: 'a', lifetimeSeconds: 60 } }),
    getJob: (api: CoordinatorApi) => api.call('getJob', { params: { jobId: params.jobId }, query: {} }),
    getFederation: (api: CoordinatorApi) => api.call('getFederation', { query: { challenge: 'c' } }),
  };

  test.each(['createInvite', 'getJob', 'getFederation'] as const)(
    'repeats %s if nobody has looked at it',
    async (name) => {
      const busy = script(Array(8).fill(new HanseError('overloaded')));
      await expect(asks[name](busy.api).then(none)).resolves.toBeUndefined();
      const ever = script(Array(9).fill(new HanseError('overloaded')));
      await expect(asks[name](ever.api)).rejects.toMatchObject({ code: 'overloaded' });
    },
  );

  test.each([away, new HanseError('requestReplayed')])(
    'asks again after $code where that does no harm',
    async (problem) => {
      const read = script([problem, problem, problem]);
      await expect(asks.getJob(read.api).then(none)).resolves.toBeUndefined();
      const long = script(Array(4).fill(problem));
      await expect(asks.getJob(long.api)).rejects.toBe(problem);
      for (const name of ['createInvite', 'getFederation'] as const) {
        const lost = script([problem]);
        await expect(asks[name](lost.api)).rejects.toBe(problem);
        expect(lost.calls).toEqual([name]);
      }
    },
  );
});

test('pauses double from 200 ms to 15 s, each of them shortened at random; the next request begins anew', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 1, max: 12 }),
      async (seed, failures) => {
        const { api, clock } = failing(Array(failures).fill(away), seed);
        await api.call('putUpdate', { params, body: new Uint8Array() });
        expect(clock.pauses).toHaveLength(failures);
        clock.pauses.forEach((pause, attempt) => {
          const longest = Math.min(15_000, 200 * 2 ** attempt);
          expect(pause).toBeGreaterThanOrEqual(0);
          expect(pause).toBeLessThanOrEqual(longest);
        });
        await api.call('putUpdate', { params, body: new Uint8Array() });
        expect(clock.pauses).toHaveLength(failures);
      },
    ),
    { numRuns: 30 },
  );
  const pausesOf = async (seed: number) => {
    const { api, clock } = failing(Array(5).fill(away), seed);
    await api.call('putUpdate', { params, body: new Uint8Array() });
    return clock.pauses;
  };
  expect(await pausesOf(1)).toEqual(await pausesOf(1));
  expect(await pausesOf(1)).not.toEqual(await pausesOf(2));
});

describe('giving up', () => {
  test('ends a pause, with the last problem', async () => {
    const clock = new VirtualClock(0);
    const stop = new AbortController();
    const calls: Call[] = [];
    const inner = scriptedCoordinator({
      listJobs: (request) => {
        calls.push({ name: 'listJobs', request });
        throw away;
      },
    });
    const api = retryingCoordinator(inner, {
      clock,
      random: seededRandom(new Uint8Array(32)),
      ...DEFAULT_PAUSES,
      onRetry: () => setImmediate(() => stop.abort()),
    });
    await expect(api.call('listJobs', {}, { signal: stop.signal })).rejects.toBe(away);
    expect(calls).toHaveLength(1);
  });

  test('before the first pause', async () => {
    const { api, bodies } = failing([away]);
    const signal = AbortSignal.abort();
    await expect(api.call('putUpdate', { params, body: new Uint8Array() }, { signal })).rejects.toBe(away);
    expect(bodies).toHaveLength(1);
  });
});

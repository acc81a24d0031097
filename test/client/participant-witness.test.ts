import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { JobCache } from '../../client/job-cache.ts';
import type { ParticipantOptions } from '../../client/participant.ts';
import { FIRST_LINE_MS } from '../../client/task-feed.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { Task } from '../../schemas/task.ts';
import { countingProvider } from '../fixtures/counting-provider.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { type JobShelf, jobShelf } from '../fixtures/job-shelf.ts';
import { liveOn } from '../fixtures/offered-tasks.ts';
import type { Script } from '../fixtures/scripted-coordinator.ts';

// The rest of a participant's life: participant.test.ts.

let shelf: JobShelf;
let clock: HastyClock;
let provider: ExecutionProvider;
let beforeRun: () => void;
let jobs: JobCache;

beforeEach(async () => {
  shelf ??= await jobShelf();
  clock = new HastyClock(FIRST_LINE_MS - 1, Date.parse('2026-01-01T12:00:00.000Z'));
  beforeRun = () => {};
  ({ provider } = countingProvider(await loadCpuProvider({ threads: 1 }), () => beforeRun()));
  jobs = new JobCache(provider);
});

afterEach(() => jobs.release());

const live = (offers: readonly Task[][], script: Script = {}, options: Partial<ParticipantOptions> = {}) =>
  liveOn({ shelf, provider, jobs, clock }, offers, script, options);

describe('beside its tasks it witnesses the log', () => {
  const forked = new HanseError('logForked', { origin: 'log', oldSize: 2, size: 1, evidence: [] });
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

  test('from when it has said what it can do until it ends', async () => {
    const seen: string[] = [];
    const witness = {
      keep: async (signal: AbortSignal) => {
        seen.push('begun');
        await untilAborted(signal);
        seen.push('ended');
      },
    };
    const { api, events, ended } = live([[shelf.trainTask()]], {}, { witness });
    await ended;
    expect(seen).toEqual(['begun', 'ended']);
    expect(events.map(({ type }) => type)).toContain('contributed');
    expect(api.calls[0]).toMatchObject({ request: { body: { witness: true } } });
  });

  test('a log that contradicts itself ends its life, whatever it is doing', async () => {
    let lie = () => {};
    const witness = {
      keep: () =>
        new Promise<void>((_, reject) => {
          lie = () => reject(forked);
        }),
    };
    beforeRun = () => lie();
    const { ended } = live([[shelf.trainTask()], [], []], {}, { witness });
    await expect(ended).rejects.toEqual(expect.objectContaining({ code: 'logForked' }));
  });

  test('one that leaves for good is counted on no more', async () => {
    const leaving = new AbortController();
    const witness = { keep: untilAborted };
    const nextTasks = () => {
      leaving.abort();
      return { tasks: [] };
    };
    const { api, ended } = live([], { nextTasks }, { witness, leaving: leaving.signal });
    await ended;
    expect(api.calls.at(-1)).toMatchObject({
      name: 'reportCapabilities',
      request: { body: { witness: false } },
    });
  });
});

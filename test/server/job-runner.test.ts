// covers: server/job-runner.ts, server/job-stream.ts, server/attempt-descriptor.ts

import { beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { Secret } from '../../protocol/secret.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { JobRunner, type JobSurroundings } from '../../server/job-runner.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import { atRest, VirtualClock } from '../../sim/virtual-clock.ts';
import {
  type FaultyBlobStore,
  type FaultyStore,
  faultyBlobStore,
  faultyStore,
} from '../fixtures/faulty-stores.ts';
import { CODEC, INITIAL_MODEL, manifestOf } from '../fixtures/manifest.ts';
import { hashOf, updateFile } from '../fixtures/vector-files.ts';

// What the runner asks of its surroundings, and when. Rounds as a whole: coordinator.test.ts.

const JOB = 'job-0123456789abcdef';
const SETTINGS = { recruitGraceMs: 5000, retryMs: 1000, witnessWaitMs: 30_000 };
const nodes = [1, 2, 3].map((i) => String(i).repeat(32));
const problem = (code: string) => expect.objectContaining({ code });

let clock: VirtualClock;
let store: FaultyStore;
let blobs: FaultyBlobStore;
let live: string[];
let expected: string[];
let arrive: () => void;
let listeners: number;
let woken: (readonly string[] | 'evaluators')[];
let reported: unknown[];
let hasEvaluator: boolean;
let revoked: Set<string>;
let witnessing: JobSurroundings['witnessing'];

const signer = await primitives.signer(new Uint8Array(32));

beforeEach(async () => {
  clock = new VirtualClock();
  store = faultyStore(memoryStore());
  blobs = faultyBlobStore(memoryBlobStore());
  await blobs.put(INITIAL_MODEL, { limitBytes: INITIAL_MODEL.length });
  live = [...nodes];
  expected = [];
  listeners = 0;
  woken = [];
  reported = [];
  hasEvaluator = false;
  revoked = new Set();
  witnessing = undefined;
});

function surroundings(): JobSurroundings {
  const arrivals = new Set<() => void>();
  arrive = () => {
    for (const arrived of arrivals) arrived();
  };
  return {
    store,
    blobs,
    clock,
    random: seededRandom(new Uint8Array(32)),
    signer,
    noiseKey: new Secret(new Uint8Array(32)),
    primitives,
    federationId: 'fed-0123456789abcdef',
    numbersFor: async () => new RandomNumbers(seededRandom(new Uint8Array(32))),
    candidates: () => ({ live, expected }),
    evaluators: () => (hasEvaluator ? ['e'.repeat(32)] : []),
    firstKeyOf: (node) => node,
    revokedAmong: (among) => among.filter((nodeId) => revoked.has(nodeId)),
    onArrival: (arrived) => {
      listeners += 1;
      arrivals.add(arrived);
      return () => {
        listeners -= 1;
        arrivals.delete(arrived);
      };
    },
    wake: (whom) => woken.push(whom),
    witnessing,
    report: (error) => reported.push(error),
  };
}

async function created(overrides: Partial<JobManifest> = {}): Promise<JobRunner> {
  const runner = await JobRunner.open(JOB, surroundings(), SETTINGS);
  const manifest = manifestOf('fed-0123456789abcdef', overrides);
  const createdBy = nodes[0] as string;
  await runner.create({
    type: 'jobCreated',
    jobId: JOB,
    manifest,
    manifestSha256: hashOf(new Uint8Array()),
    createdBy,
  });
  await atRest();
  return runner;
}

async function accept(runner: JobRunner, i: number): Promise<void> {
  const { round, attempt } = runner.state;
  const file = updateFile([0.1 * i, 0, 0, 0, 0.2], 10, CODEC, i);
  const { sha256, size: bytes } = await blobs.put(file, { limitBytes: file.length });
  await runner.dispatch({ type: 'updateAccepted', round, attempt, node: nodes[i] as string, sha256, bytes });
  await atRest();
}

test('stragglers have others in their place: more are chosen, and the round takes the first', async () => {
  const runner = await created({ cohort: { size: 1, extra: 1, minimum: 1 } });
  const { cohort } = runner.state;
  expect(cohort).toHaveLength(2);
  await accept(runner, nodes.indexOf(cohort[1] as string));
  expect(runner.state.phase).toBe('finished');
  expect(runner.state.history).toMatchObject([{ outcome: 'released', cohort: 2, updates: 1 }]);
  await runner.close();
});

test('before its first event there is no job', async () => {
  const runner = await JobRunner.open(JOB, surroundings(), SETTINGS);
  expect(runner.exists).toBe(false);
  expect(() => runner.state).toThrow(problem('jobUnknown'));
  runner.start();
  await runner.close();
  expect(await store.read(`job/${JOB}`)).toEqual([]);
});

describe('a first event that failed', () => {
  const jobs = async () => (await store.streams('job/')).length;

  test('and was written all the same: the job is created', async () => {
    store.fault = (_, events) => (events[0]?.type === 'jobCreated' ? 'fullAfter' : undefined);
    const runner = await created();
    expect(runner.state).toMatchObject({ phase: 'collecting', cohort: nodes });
    expect(reported).toEqual([]);
  });

  test('and was not: there is none, and nothing is tried again', async () => {
    store.fault = () => 'full';
    await expect(created()).rejects.toEqual(problem('storageFull'));
    await clock.advance(60_000);
    expect([await jobs(), clock.pending]).toEqual([0, 0]);
  });

  test('and cannot be looked for at once: the job begins as soon as it is found', async () => {
    store.fault = (_, events) => (events[0]?.type === 'jobCreated' ? 'fullAfter' : undefined);
    const { read } = store;
    let reads = 0;
    store.read = (...args) => {
      reads += 1; // the first is that of opening the stream
      if (reads === 1 || reads > 3) return read(...args);
      return Promise.reject(
        new HanseError('storageFailed', { path: 'events', reason: 'input/output error' }),
      );
    };
    await expect(created()).rejects.toEqual(problem('storageFull'));
    expect(woken).toEqual([]);
    await clock.advance(2 * SETTINGS.retryMs);
    expect(woken).toEqual([nodes]);
    expect(reported).toEqual([problem('storageFailed'), problem('storageFailed')]);
  });
});

describe('recruiting', () => {
  test('takes the whole cohort at once where it is there, and wakes it', async () => {
    const runner = await created();
    expect(runner.state).toMatchObject({ phase: 'collecting', cohort: nodes });
    expect(runner.state.deadline).toBe('2026-01-01T12:01:00.000Z');
    expect(woken).toEqual([nodes]);
    expect(listeners).toBe(0);
  });

  test('waits for those expected, for a while; without any expected it does not wait', async () => {
    live = nodes.slice(0, 2);
    expected = nodes.slice(2);
    const patient = await created();
    expect(patient.state.phase).toBe('recruiting');
    await clock.advance(SETTINGS.recruitGraceMs);
    expect(patient.state).toMatchObject({ phase: 'collecting', cohort: live });

    store = faultyStore(memoryStore());
    expected = [];
    expect((await created()).state.phase).toBe('collecting');
  });

  test('asks nobody again who cannot take part, and neither expects such a node, until it has begun anew', async () => {
    const [first, second] = nodes as [string, string, string];
    const runner = await created({ cohort: { size: 3, minimum: 2 }, maxAttempts: 3 });
    const decline = async (node: string, code: string) => {
      const { round, attempt } = runner.state;
      await runner.dispatch({ type: 'taskDeclined', round, attempt, node, code });
      await atRest();
    };
    await decline(first, 'dataEmpty');
    await decline(second, 'trainingDiverged');
    // Who declined for a reason of the round is asked again; for who cannot take part nobody waits.
    expect(runner.state).toMatchObject({ phase: 'collecting', attempt: 2, cohort: nodes.slice(1) });
    await decline(second, 'policyRefused:purposes');
    expected = [first];
    live = nodes.slice(1);
    arrive();
    await clock.advance(60_000);
    expect(runner.state).toMatchObject({ phase: 'recruiting', attempt: 3 });
    await runner.reconsider(nodes[2] as string); // it never declined
    expect(runner.sequence).toBe(6);

    const reopened = await JobRunner.open(JOB, surroundings(), SETTINGS);
    expect([...reopened.state.unsuited]).toEqual([...runner.state.unsuited]);
    expect(reopened.state.unsuited.size).toBe(2);

    await runner.reconsider(second);
    await atRest();
    expect(runner.state).toMatchObject({ phase: 'collecting', attempt: 3, cohort: nodes.slice(1) });
    expect(runner.state.history.map(({ reason }) => reason)).toEqual(['cohortTooSmall', 'cohortTooSmall']);
  });

  test('considers each arrival, and listens no longer than it must', async () => {
    live = [];
    expected = nodes;
    const runner = await created();
    await clock.advance(60_000);
    live = nodes.slice(0, 1);
    arrive();
    await atRest();
    expect(runner.state.phase).toBe('recruiting');
    expect(listeners).toBe(1);
    live = nodes.slice(0, 2);
    arrive();
    await atRest();
    expect(runner.state.phase).toBe('collecting');
    expect(listeners).toBe(0);
  });

  test('a draw that is tried again takes those who are there then', async () => {
    store.fault = (_, events) => (events[0]?.type === 'cohortSelected' ? 'full' : undefined);
    const runner = await created();
    expect(reported).toEqual([problem('storageFull')]);
    live = nodes.slice(1);
    store.fault = () => undefined;
    await clock.advance(SETTINGS.retryMs);
    expect(runner.state).toMatchObject({ phase: 'collecting', cohort: nodes.slice(1) });
  });

  test('a draw that is tried again too late for its minimum waits for others', async () => {
    store.fault = (_, events) => (events[0]?.type === 'cohortSelected' ? 'full' : undefined);
    const runner = await created();
    live = nodes.slice(2);
    store.fault = () => undefined;
    await clock.advance(SETTINGS.retryMs);
    expect(runner.state.phase).toBe('recruiting');
    expect(listeners).toBe(1);
    live = nodes.slice(1);
    await clock.advance(SETTINGS.recruitGraceMs);
    expect(runner.state).toMatchObject({ phase: 'collecting', cohort: nodes.slice(1) });
    expect(listeners).toBe(0);
    expect(reported).toEqual([problem('storageFull')]);
  });

  test('draws no more than the size of the cohort, the same for the same numbers', async () => {
    const runner = await created({ cohort: { size: 2, minimum: 1 } });
    const { cohort } = runner.state;
    expect(cohort).toHaveLength(2);
    store = faultyStore(memoryStore());
    expect((await created({ cohort: { size: 2, minimum: 1 } })).state.cohort).toEqual(cohort);
  });
});

describe('an event', () => {
  test('is durable before its effects begin', async () => {
    store.fault = (_, events) => (events[0]?.type === 'cohortSelected' ? 'dead' : undefined);
    const runner = await created();
    expect(runner.state.phase).toBe('recruiting');
    expect(woken).toEqual([]);
  });

  test('that is refused changes nothing and writes nothing', async () => {
    const runner = await created();
    const before = runner.sequence;
    const stray = {
      type: 'taskDeclined',
      round: 1,
      attempt: 1,
      node: 'f'.repeat(32),
      code: 'usage',
    } as const;
    await expect(runner.dispatch(stray)).rejects.toEqual(problem('notInCohort'));
    await expect(runner.dispatch({ ...stray, attempt: 2 })).rejects.toEqual(problem('roundUnknown'));
    expect(runner.sequence).toBe(before);
    await runner.dispatch({ ...stray, node: nodes[0] as string });
    expect(runner.sequence).toBe(before + 1);
  });

  test('that was accepted before is accepted again, and written once', async () => {
    const runner = await created();
    await accept(runner, 0);
    const { sequence } = runner;
    await accept(runner, 0);
    expect(runner.sequence).toBe(sequence);
  });
});

describe('a stream that cannot have been written like this', () => {
  type Records = Awaited<ReturnType<FaultyStore['read']>>;

  async function opened(change: (records: Records) => Records): Promise<JobRunner> {
    const runner = await created();
    for (const i of [0, 1, 2]) await accept(runner, i);
    const copy = memoryStore();
    for (const { type, version, data, at } of change(await store.read(`job/${JOB}`))) {
      const [stream] = await copy.streams(`job/${JOB}`);
      await copy.append(`job/${JOB}`, stream?.length ?? 0, [{ type, version, data }], new Date(at));
    }
    return JobRunner.open(JOB, { ...surroundings(), store: copy }, SETTINGS);
  }

  test.each<[string, (records: Records) => Records]>([
    ['the job is created twice', ([first, ...rest]) => [first, first, ...rest] as Records],
    ['it does not begin with its creation', ([, ...rest]) => rest],
    ['the cohort is missing', ([first, , ...rest]) => [first, ...rest] as Records],
    ['the cohort comes after an update', ([a, b, c, ...rest]) => [a, c, b, ...rest] as Records],
    ['an update is there twice', ([a, b, c, ...rest]) => [a, b, c, c, ...rest] as Records],
    ['something happens after its end', (records) => [...records, records[1]] as Records],
    [
      'it is the stream of another job',
      (records) => records.map((record) => ({ ...record, data: otherJob(record.data) })),
    ],
  ])('is refused: %s', async (_, damage) => {
    expect((await opened((records) => records)).state.phase).toBe('finished');
    store = faultyStore(memoryStore());
    await expect(opened(damage)).rejects.toEqual(problem('storageCorrupt'));
  });

  const otherJob = (data: unknown) =>
    Object.hasOwn(data as object, 'jobId') ? { ...(data as object), jobId: 'job-fedcba9876543210' } : data;
});

describe('aggregation', () => {
  test('is tried again while storage fails, with a pause in between', async () => {
    const runner = await created();
    await accept(runner, 0);
    await accept(runner, 1);
    let tries = 0;
    blobs.fault = (what) => {
      if (what === 'put') tries += 1;
      return what === 'put' && tries <= 3 ? 'full' : undefined;
    };
    await runner.dispatch({
      type: 'taskDeclined',
      round: 1,
      attempt: 1,
      node: nodes[2] as string,
      code: 'usage',
    });
    await atRest();
    expect(tries).toBe(1);
    await clock.advance(SETTINGS.retryMs - 1);
    expect(tries).toBe(1);
    await clock.advance(1);
    expect(tries).toBe(2);
    await clock.advance(2 * SETTINGS.retryMs);
    expect(runner.state.phase).toBe('finished');
    expect(reported).toEqual(Array(3).fill(problem('storageFull')));
  });

  test('over an update that is damaged or gone voids the attempt', async () => {
    const runner = await created({ maxAttempts: 1 });
    await accept(runner, 0);
    await accept(runner, 1);
    // After a restart the sum is made from the stored updates alone.
    await runner.close();
    const [update] = runner.state.accepted.values();
    await blobs.delete(update?.sha256 ?? '');
    const again = await JobRunner.open(JOB, surroundings(), SETTINGS);
    expect(again.state.accepted.size).toBe(2);
    again.start();
    await clock.advance(60_000);
    expect(again.state).toMatchObject({
      phase: 'failed',
      history: [{ outcome: 'aborted', reason: 'blobUnknown' }],
    });
  });

  test('wants an evaluation only in its rounds, and only if somebody is there to make it', async () => {
    hasEvaluator = true;
    const runner = await created({ rounds: 3, evaluateEvery: 2, cohort: { size: 3, minimum: 3 } });
    const phases: string[] = [];
    runner.watch(() => phases.push(`${runner.state.round} ${runner.state.phase}`));
    for (let round = 1; round <= 3; round += 1) {
      for (const i of [0, 1, 2]) await accept(runner, i);
      await clock.advance(30_000);
    }
    expect(runner.state.phase).toBe('finished');
    expect(phases.filter((phase) => phase.endsWith('evaluating'))).toEqual(['2 evaluating', '3 evaluating']);
    expect(woken.filter((whom) => whom === 'evaluators')).toHaveLength(2);
  });
});

describe('a membership that ends', () => {
  const [, , last = ''] = nodes;
  const cohort = { size: 3, minimum: 2 };

  test('is waited for no more, and what it had delivered stays', async () => {
    const runner = await created({ cohort });
    await accept(runner, 0);
    expect(runner.state.declined).toEqual(new Map());
    revoked = new Set([last, nodes[0] as string]);
    await runner.dismissRevoked();
    expect([...runner.state.declined]).toEqual([[last, 'memberRevoked']]);
    expect([...runner.state.accepted.keys()]).toEqual([nodes[0]]);
  });

  test('while the cohort is drawn, or before a restart, is found all the same', async () => {
    revoked.add(last);
    const runner = await created({ cohort });
    expect(runner.state).toMatchObject({ phase: 'collecting', cohort: nodes });
    expect([...runner.state.declined]).toEqual([[last, 'memberRevoked']]);
    await runner.close();
    revoked.add(nodes[1] as string);
    live = nodes.slice(0, 1);
    const next = await JobRunner.open(JOB, surroundings(), SETTINGS);
    next.start();
    await atRest();
    // Fewer than the minimum are left: the attempt is over.
    expect(next.state.history).toMatchObject([{ outcome: 'aborted', declined: { memberRevoked: 2 } }]);
  });

  test('while nothing can be written, is looked at again', async () => {
    const runner = await created({ cohort });
    revoked.add(last);
    store.fault = () => 'full';
    await runner.dismissRevoked();
    expect([runner.state.declined.size, reported]).toEqual([0, [problem('storageFull')]]);
    store.fault = () => undefined;
    await clock.advance(SETTINGS.retryMs);
    expect([...runner.state.declined]).toEqual([[last, 'memberRevoked']]);
  });

  test('while its update is written leaves the update', async () => {
    const runner = await created({ cohort });
    const update = {
      type: 'updateAccepted',
      round: 1,
      attempt: 1,
      node: last,
      sha256: 'a'.repeat(64),
    } as const;
    const accepting = runner.dispatch({ ...update, bytes: 1 });
    revoked.add(last);
    await Promise.all([accepting, runner.dismissRevoked()]);
    await clock.advance(SETTINGS.retryMs);
    expect([[...runner.state.accepted.keys()], runner.state.declined.size]).toEqual([[last], 0]);
    expect(reported).toEqual([]);
  });
});

test('a round that has ended leaves no timer behind', async () => {
  const runner = await created({ rounds: 3, cohort: { size: 3, minimum: 3 } });
  const { pending } = clock;
  for (let round = 1; round <= 2; round += 1) for (const i of [0, 1, 2]) await accept(runner, i);
  expect(runner.state).toMatchObject({ phase: 'collecting', round: 3 });
  expect(clock.pending).toBe(pending);
  for (const i of [0, 1, 2]) await accept(runner, i);
  expect(clock.pending).toBe(0);
});

test('closing lets what is under way end and begins nothing', async () => {
  const runner = await created();
  await accept(runner, 0);
  await runner.close();
  expect([clock.pending, listeners]).toEqual([0, 0]);
  await clock.advance(120_000);
  expect(runner.state.phase).toBe('collecting');
});

describe('a release that waits for witnesses', () => {
  /** Tells the runner that there is a quorum, or is not there. */
  let seen: () => void;
  let asked: number;
  const needed = { cosigned: 1, needed: 2 };
  beforeEach(() => {
    asked = 0;
    let isReached = false;
    const waiting = new Set<() => void>();
    seen = () => {
      isReached = true;
      for (const tell of waiting) tell();
    };
    witnessing = {
      standing: needed,
      ask: () => {
        asked += 1;
      },
      reach: (milliseconds, signal) =>
        new Promise((resolve) => {
          if (isReached) return resolve(true);
          waiting.add(() => resolve(true));
          signal.addEventListener('abort', () => resolve(false), { once: true });
          if (Number.isFinite(milliseconds)) clock.schedule(clock.now() + milliseconds, () => resolve(false));
        }),
    };
  });
  const typesOf = async () => (await store.read(`job/${JOB}`)).map(({ type }) => type);
  const aggregatedJob = async () => {
    const runner = await created({ rounds: 1, cohort: { size: 3, minimum: 3 } });
    for (const i of [0, 1, 2]) await accept(runner, i);
    return runner;
  };

  test('is released when enough have seen it, and nothing is withheld that did not take long', async () => {
    const runner = await aggregatedJob();
    expect(runner.state.phase).toBe('releasing');
    seen();
    await atRest();
    expect(runner.state.phase).toBe('finished');
    expect(await typesOf()).not.toContain('releaseWithheld');
    expect(asked).toBeGreaterThan(0); // the end of the job is to be witnessed too
    await runner.close();
  });

  test('is told once to be withheld after its time, and goes on when they are back', async () => {
    const runner = await aggregatedJob();
    await clock.advance(SETTINGS.witnessWaitMs - 1);
    expect(runner.state.isWithheld).toBe(false);
    await clock.advance(1);
    expect([runner.state.phase, runner.state.isWithheld]).toEqual(['releasing', true]);
    expect(reported).toEqual([expect.objectContaining({ code: 'aggregatedUnreleased', detail: needed })]);
    await clock.advance(10 * SETTINGS.witnessWaitMs);
    expect((await typesOf()).filter((type) => type === 'releaseWithheld')).toHaveLength(1);
    seen();
    await atRest();
    expect(runner.state.history).toMatchObject([{ outcome: 'released' }]);
    expect(runner.state.isWithheld).toBe(false);
    await runner.close();
  });

  test('says nothing of witnesses who have left at the moment at which their time was over', async () => {
    witnessing = { ...(witnessing as NonNullable<typeof witnessing>), standing: { cosigned: 0, needed: 0 } };
    const runner = await aggregatedJob();
    await clock.advance(SETTINGS.witnessWaitMs);
    seen();
    await atRest();
    expect([runner.state.phase, reported]).toEqual(['finished', []]);
    expect(await typesOf()).not.toContain('releaseWithheld');
    await runner.close();
  });

  test('waits on after a start, and says no second time that it is withheld', async () => {
    const first = await aggregatedJob();
    await clock.advance(SETTINGS.witnessWaitMs);
    await first.close();
    expect(first.state.phase).toBe('releasing');
    const runner = await JobRunner.open(JOB, surroundings(), SETTINGS);
    runner.start();
    await clock.advance(2 * SETTINGS.witnessWaitMs);
    expect((await typesOf()).filter((type) => type === 'releaseWithheld')).toHaveLength(1);
    seen();
    await atRest();
    expect(runner.state.phase).toBe('finished');
    await runner.close();
  });

  test('a job that is cancelled meanwhile releases nothing', async () => {
    const runner = await aggregatedJob();
    await runner.dispatch({ type: 'jobCancelled', by: nodes[0] as string });
    seen();
    await atRest();
    expect(await typesOf()).not.toContain('released');
    expect(runner.state.phase).toBe('cancelled');
    await runner.close();
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import { floatsOf, payloadOf } from '../../protocol/vector.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { Coordinator } from '../../server/coordinator.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { hashOf } from '../fixtures/vector-files.ts';

let federation: TestFederation;
beforeEach(async () => {
  federation = await TestFederation.open({ participants: 3, evaluators: 1 });
});

const _GRACE_MS = 5000;
const problemOf = (code: string) => expect.objectContaining({ name: 'HanseError', code });

async function startedJob(overrides: Partial<JobManifest> = {}): Promise<JobRunner> {
  await federation.appear();
  const runner = await federation.createJob(overrides);
  await atRest();
  return runner;
}

async function _modelValues(sha256: string): Promise<number[]> {
  return [...floatsOf(payloadOf(await federation.blobs.read(sha256)))];
}

describe('storage that fails', () => {
  test('full for a while: nothing acknowledged is lost and the round goes on', async () => {
    const runner = await startedJob();
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.work(first);
    federation.store.fault = () => 'full';
    await expect(federation.work(second)).rejects.toEqual(problemOf('storageFull'));
    expect([...runner.state.accepted.keys()]).toEqual([first.nodeId]);
    federation.store.fault = () => undefined;
    await federation.work(second);
    federation.store.fault = (_, events) => (events[0]?.type === 'aggregated' ? 'full' : undefined);
    await federation.work(third);
    expect(runner.state.phase).toBe('aggregating');
    await federation.clock.advance(10_000);
    expect(runner.state.phase).toBe('aggregating');
    // Tried again every second, told once a minute.
    expect(federation.reported).toEqual([problemOf('storageFull')]);
    await federation.clock.advance(60_000);
    expect(federation.reported).toEqual([problemOf('storageFull'), problemOf('storageFull')]);
    federation.store.fault = () => undefined;
    await federation.clock.advance(1000);
    expect(runner.state).toMatchObject({ phase: 'finished', history: [{ updates: 3, weight: 51 }] });
  });

  test('no room for the aggregated model: tried again until there is', async () => {
    const runner = await startedJob();
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.work(first);
    await federation.work(second);
    const update = federation.updateOf(third, 1);
    await federation.blobs.put(update, { limitBytes: update.length });
    const [task] = federation.tasksOf(third);
    federation.blobs.fault = (what) => (what === 'put' ? 'full' : undefined);
    await expect(federation.work(third)).rejects.toEqual(problemOf('storageFull'));
    expect(federation.tasksOf(third)).toEqual([task]);
    const event = {
      type: 'updateAccepted',
      round: 1,
      attempt: 1,
      node: third.nodeId,
      sha256: hashOf(update),
      bytes: update.length,
    } as const;
    await runner.dispatch(event);
    await federation.clock.advance(3000);
    expect(runner.state.phase).toBe('aggregating');
    federation.blobs.fault = () => undefined;
    await federation.clock.advance(1000);
    expect(runner.state.phase).toBe('finished');
  });

  test.each(['cohortSelected', 'updateAccepted', 'aggregated', 'evaluated', 'released'])(
    '%s written, yet answered with a failure: the round goes on',
    async (type) => {
      let isWaiting = true;
      federation.store.fault = (_, events) => {
        if (!isWaiting || events[0]?.type !== type) return undefined;
        isWaiting = false;
        return 'fullAfter';
      };
      const runner = await startedJob({ evaluateEvery: 1, cohort: { size: 3, minimum: 3 } });
      for (let i = 0; i < 8 && runner.state.phase !== 'finished'; i += 1) {
        await federation.appear();
        // A node that is told of a failure sends the same again.
        await federation.workAll().catch(() => undefined);
        await federation.clock.advance(1000);
      }
      expect(isWaiting).toBe(false);
      expect(runner.state).toMatchObject({
        phase: 'finished',
        history: [{ outcome: 'released', updates: 3, weight: 51, metrics: { loss: 0.5 } }],
      });
    },
  );

  test('the last update written, yet answered with a failure: repeating it closes the round', async () => {
    const runner = await startedJob();
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.work(first);
    await federation.work(second);
    const [task] = federation.tasksOf(third);
    federation.store.fault = () => 'fullAfter';
    await expect(federation.work(third)).rejects.toEqual(problemOf('storageFull'));
    federation.store.fault = () => undefined;
    const params = { jobId: runner.jobId, round: '1', attempt: '1' };
    expect(task).toMatchObject({ round: 1, attempt: 1 });
    await federation.call('putUpdate', third, { params, body: federation.updateOf(third, 1) });
    await atRest();
    expect(runner.state).toMatchObject({ phase: 'finished', history: [{ updates: 3 }] });
  });
});

test('a job that may have been written is looked for until the coordinator closes', async () => {
  await federation.storeContent();
  const { pending } = federation.clock;
  federation.store.fault = () => 'fullAfter';
  const { read } = federation.store;
  let reads = 0;
  federation.store.read = (...args) => {
    reads += 1; // the first is that of opening the stream
    return reads === 1 ? read(...args) : Promise.reject(new Error('the disk has gone'));
  };
  await expect(federation.createJob()).rejects.toEqual(problemOf('storageFull'));
  expect(federation.clock.pending).toBe(pending + 1);
  await federation.coordinator.close();
  expect(federation.clock.pending).toBe(pending);
});

test('a coordinator whose blobs cannot be listed starts all the same, and says so', async () => {
  const { dependencies } = federation.coordinator;
  const failure = new Error('input/output error');
  const blobs = {
    ...federation.blobs,
    list: () => {
      throw failure;
    },
  };
  const again = await Coordinator.open({ ...dependencies, blobs });
  expect(again.federation.id).toBe(federation.coordinator.federation.id);
  expect(federation.reported).toEqual([failure, failure]); // by what is kept no longer, and by what nothing names
});

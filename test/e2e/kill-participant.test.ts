/**
 * Participants that are killed or stopped in the middle of a round: the round goes on without them, or is tried again
 * for a stated reason; started again with the identity they have stored, they take part again.
 *
 * A participant that is stopped (SIGSTOP) before the job begins is chosen, because its request for work still waits,
 * and then does not answer: so the moment is certain, however fast the machine is.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isBuilt } from './hanse-process.ts';
import { lostReceipts, type NodeMoment, SmallFederation, smallPlan } from './small-federation.ts';

/** Those that are not stopped answer within it, on a machine that is busy too; each of these rounds takes so long. */
const DEADLINES = { collectSeconds: 6, evaluateSeconds: 60 };

describe.skipIf(!isBuilt || process.platform === 'win32')(
  'a participant gone in mid-round (needs the build: npm test makes it)',
  () => {
    const federation = new SmallFederation();
    const node = (name: string) => {
      const found = federation.nodes.get(name);
      if (!found) throw new Error(`no node ${name}`);
      return found;
    };

    beforeAll(async () => {
      // A node that has said nothing for a second is waited for, not chosen.
      await federation.serve({ args: ['--liveness', '1'] });
      const seeds = Object.entries({ a: 1, b: 2, c: 3 });
      await Promise.all(seeds.map(([name, seed]) => federation.join(name, 'participant', seed)));
    });
    afterAll(() => federation.end());

    /** A job whose round 1 has the updates of `a` and `b`, and waits for `c`, which is stopped. */
    async function jobWithout(minimum: number): Promise<string> {
      for (const name of ['a', 'b', 'c']) await federation.isWaiting(name);
      node('c').signal('SIGSTOP');
      const plan = smallPlan({ cohort: { size: 3, minimum }, deadlines: DEADLINES, evaluateEvery: 0 });
      const jobId = await federation.createJob(plan, async () => {});
      const job = await federation.jobWhen(jobId, 'two updates', ({ received }) => received === 2);
      expect(job).toMatchObject({ phase: 'collecting', round: 1, attempt: 1, received: 2 });
      expect(job.cohort).toHaveLength(3);
      return jobId;
    }

    test('killed: the round is released without it, and it is back in the next', async () => {
      const jobId = await jobWithout(2);
      await node('c').kill();
      await federation.jobWhen(jobId, 'round 2', ({ round }) => round === 2);
      await federation.rejoin('c');
      const job = await federation.jobAtEnd(jobId);
      expect(job.phase).toBe('finished');
      expect(job.rounds).toMatchObject([
        { round: 1, attempt: 1, outcome: 'released', cohort: 3, updates: 2 },
        { round: 2, attempt: 1, outcome: 'released', cohort: 3, updates: 3 },
      ]);
    });

    test('killed below the minimum: the attempt ends with its reason, and the next one succeeds', async () => {
      const jobId = await jobWithout(3);
      await node('c').kill();
      const recruiting = await federation.jobWhen(jobId, 'attempt 2', ({ attempt }) => attempt === 2);
      expect(recruiting).toMatchObject({ phase: 'recruiting', model: recruiting.manifest.initialModel });
      await federation.rejoin('c');
      const job = await federation.jobAtEnd(jobId);
      expect(job.phase).toBe('finished');
      expect(job.rounds).toMatchObject([
        { round: 1, attempt: 1, outcome: 'aborted', reason: 'cohortTooSmall', updates: 2, model: null },
        { round: 1, attempt: 2, outcome: 'released', reason: null, updates: 3 },
        { round: 2, attempt: 1, outcome: 'released', updates: 3 },
      ]);
    });

    test.each<[moment: NodeMoment, updates: number]>([
      ['training', 2],
      ['uploading', 2],
      ['acknowledged', 3],
    ])('killed when it was %s: the round has %i updates, all of them whole', async (moment, updates) => {
      expect(await node('c').stop()).toEqual({ code: 0, signal: null });
      const doomed = await federation.rejoin('c', moment);
      for (const name of ['a', 'b', 'c']) await federation.isWaiting(name);
      const plan = smallPlan({ cohort: { size: 3, minimum: 2 }, deadlines: DEADLINES, evaluateEvery: 0 });
      const jobId = await federation.createJob(plan, async () => {});
      expect(await doomed.ended()).toEqual({ code: null, signal: 'SIGKILL' });
      const types = doomed.lines.map(({ type }) => type).filter((type) => type !== 'cosigned');
      expect(types).toEqual(['selfTest', 'ready', 'preparing', 'training']);
      await federation.jobWhen(jobId, 'round 2', ({ round }) => round === 2);
      await federation.rejoin('c');
      const job = await federation.jobAtEnd(jobId);
      expect(job.phase).toBe('finished');
      // Half an update is not kept for later either. (Before the end, round 2 may have updates under way.)
      expect(readdirSync(join(federation.dataDir, 'blobs', 'temporary'))).toEqual([]);
      expect(job.rounds).toMatchObject([
        { round: 1, attempt: 1, outcome: 'released', cohort: 3, updates, declined: {} },
        { round: 2, attempt: 1, outcome: 'released', cohort: 3, updates: 3 },
      ]);
    });

    test('stopped for longer than the round: it misses that one, and takes part in the next', async () => {
      const before = node('c').lines.length;
      const jobId = await jobWithout(2);
      await federation.jobWhen(jobId, 'round 2', ({ round }) => round === 2);
      node('c').signal('SIGCONT');
      const job = await federation.jobAtEnd(jobId);
      expect(job.phase).toBe('finished');
      expect(job.rounds).toMatchObject([
        { round: 1, outcome: 'released', updates: 2 },
        { round: 2, outcome: 'released', updates: 3 },
      ]);
      const missed = await node('c').line('a missed round', ({ type }) => type === 'missed', before);
      expect(missed).toMatchObject({ task: { jobId, round: 1 }, problem: { code: 'messageLate' } });
    });

    test('asked to stop, nodes end by themselves, and what they were told to be accepted is in the records', async () => {
      for (const name of ['a', 'b', 'c']) {
        expect(await node(name).stop()).toEqual({ code: 0, signal: null });
        expect(node(name).result).toMatchObject({ nodeId: expect.stringMatching(/^[0-9a-f]{32}$/) });
      }
      expect(await federation.coordinator?.stop()).toEqual({ code: 0, signal: null });
      const receipts = federation.receipts();
      expect(receipts.length).toBeGreaterThan(10);
      expect(lostReceipts(receipts, await federation.records())).toEqual([]);
    });
  },
);

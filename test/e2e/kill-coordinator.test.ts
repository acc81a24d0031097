/**
 * The coordinator is killed in every phase of a round, immediately before and after the event that ends the phase is
 * durable, and started again. Its nodes go on by themselves, nothing acknowledged is lost, nothing counts twice: the
 * released model is, to the bit, that of the same job left alone.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isBuilt } from './hanse-process.ts';
import { lostReceipts, SmallFederation, smallPlan } from './small-federation.ts';

/** Moments to die at. With two participants, the second update of a round completes it. */
const FAULTS = [
  { killAt: 'jobCreated:1:before', during: 'the creation of the job' },
  { killAt: 'jobCreated:1:after', during: 'recruiting' },
  { killAt: 'cohortSelected:1:before', during: 'recruiting, with a cohort drawn' },
  { killAt: 'cohortSelected:1:after', during: 'collecting, before any update' },
  { killAt: 'updateAccepted:1:before', during: 'collecting, with an update stored and not acknowledged' },
  { killAt: 'updateAccepted:1:after', during: 'collecting, with an update counted and not acknowledged' },
  { killAt: 'updateAccepted:2:before', during: 'collecting, with one update acknowledged' },
  { killAt: 'updateAccepted:2:after', during: 'aggregating, before the sum' },
  { killAt: 'aggregated:1:before', during: 'aggregating, with the model stored' },
  { killAt: 'aggregated:1:after', during: 'evaluating' },
  { killAt: 'evaluated:1:before', during: 'evaluating, with the metrics received' },
  { killAt: 'evaluated:1:after', during: 'releasing' },
  { killAt: 'released:1:before', during: 'releasing, before it is durable' },
  { killAt: 'released:1:after', during: 'the gap between two rounds' },
  { killAt: 'released:2:after', during: 'the end of the job' },
] as const;

/** However long the evaluator takes to find the next coordinator on a machine that is busy, it is waited for. */
const PATIENT = ['--liveness', '60'];

describe.skipIf(!isBuilt)('a coordinator killed (needs the build: npm test makes it)', () => {
  const federation = new SmallFederation();
  let undisturbed: string;
  let armed: string | undefined;

  beforeAll(async () => {
    await federation.serve({ args: PATIENT });
    await Promise.all([
      federation.join('a', 'participant', 1),
      federation.join('b', 'participant', 2),
      federation.join('e', 'evaluator', 3),
    ]);
    const jobId = await federation.createJob(smallPlan(), async () => {});
    const { phase, model } = await federation.jobAtEnd(jobId);
    expect(phase).toBe('finished');
    undisturbed = model;
  });
  afterAll(() => federation.end());

  test.each(FAULTS)('in $during ($killAt)', async ({ killAt }) => {
    if (armed !== killAt) {
      await federation.coordinator?.stop();
      await federation.serve({ killAt, args: PATIENT });
    }
    const victim = federation.coordinator;
    // The successor finishes this job undisturbed: its own fault counts from the first job that it creates itself.
    const next = FAULTS[FAULTS.findIndex((fault) => fault.killAt === killAt) + 1]?.killAt;
    const succeed = async () => {
      expect(await victim?.ended()).toEqual({ code: null, signal: 'SIGKILL' });
      armed = killAt === 'jobCreated:1:before' ? undefined : next;
      await federation.serve({ args: PATIENT, ...(armed && { killAt: armed }) });
    };
    let succeeded: Promise<void> | undefined;
    const once = () => (succeeded ??= succeed());
    const jobId = await federation.createJob(smallPlan(), once);
    await once();
    const job = await federation.jobAtEnd(jobId);
    expect(job).toMatchObject({ phase: 'finished', model: undisturbed });
    expect(job.rounds).toMatchObject(
      [1, 2].map((round) => ({ round, attempt: 1, outcome: 'released', updates: 2, weight: 2 })),
    );
    for (const { metrics } of job.rounds) expect(metrics).toMatchObject({ examples: 32 });
  });

  test('every update that a participant was told to be accepted is in the records', async () => {
    await federation.coordinator?.stop();
    const receipts = federation.receipts();
    const records = await federation.records();
    expect(receipts.length).toBeGreaterThan(FAULTS.length);
    expect(lostReceipts(receipts, records)).toEqual([]);
    // The judge is not blind.
    const forged = { ...receipts[0], sha256: '0'.repeat(64) };
    expect(lostReceipts([...receipts, forged], records)).toEqual([forged]);
  });
});

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { floatsOf, payloadOf } from '../../protocol/vector.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { Strategy } from '../../schemas/strategy.ts';
import { Coordinator, DEFAULT_SETTINGS } from '../../server/coordinator.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type FederationOptions, type Node, TestFederation } from '../fixtures/federation.ts';
import { CODEC, INITIAL_VALUES } from '../fixtures/manifest.ts';
import { hashOf, modelFile } from '../fixtures/vector-files.ts';
import { modelTwin } from './aggregate-twin.ts';

let federation: TestFederation;
beforeEach(async () => {
  federation = await TestFederation.open({ participants: 3, evaluators: 1 });
});

const GRACE_MS = 5000;
const problemOf = (code: string) => expect.objectContaining({ name: 'HanseError', code });

async function startedJob(overrides: Partial<JobManifest> = {}): Promise<JobRunner> {
  await federation.appear();
  const runner = await federation.createJob(overrides);
  await atRest();
  return runner;
}

async function modelValues(sha256: string): Promise<number[]> {
  return [...floatsOf(payloadOf(await federation.blobs.read(sha256)))];
}

test('a thousand jobs are under way at most; one that ends makes room for one', async () => {
  const manifest = federation.manifest({ cohort: { size: 1, minimum: 1 } });
  const create = async () => {
    const runner = await federation.coordinator.newJob();
    const { jobId } = runner;
    const createdBy = federation.researcher.nodeId;
    await runner.create({ type: 'jobCreated', jobId, manifest, manifestSha256: '0'.repeat(64), createdBy });
    return runner;
  };
  const first = await create();
  for (let i = 1; i < 1000; i += 1) await create();
  await expect(federation.createJob()).rejects.toMatchObject({ code: 'overloaded' });
  expect(federation.coordinator.jobs()).toHaveLength(1000);
  await first.dispatch({ type: 'jobCancelled', by: federation.researcher.nodeId });
  expect((await federation.createJob()).state.phase).toBe('recruiting');
  await expect(federation.createJob()).rejects.toMatchObject({ code: 'overloaded' });
});

describe('a round', () => {
  test('goes from cohort to release, and on to the next, as soon as all have delivered', async () => {
    const { participants, evaluators } = federation;
    const [first, second, third] = participants as [Node, Node, Node];
    const [evaluator] = evaluators as [Node];
    const runner = await startedJob({ rounds: 2, evaluateEvery: 1 });
    expect(runner.state).toMatchObject({ phase: 'collecting', round: 1, attempt: 1 });
    expect(runner.state.cohort).toEqual(participants.map(({ nodeId }) => nodeId).sort());

    await federation.work(first);
    expect(federation.tasksOf(first)).toEqual([]);
    await federation.work(second);
    expect(runner.state).toMatchObject({ phase: 'collecting', round: 1 });
    expect(federation.tasksOf(evaluator)).toEqual([]);
    await federation.work(third);
    expect(runner.state.phase).toBe('evaluating');
    expect(runner.state.model).toBe(runner.state.manifest.initialModel);

    const [task] = federation.tasksOf(evaluator);
    expect(task).toMatchObject({ type: 'evaluate', round: 1, model: runner.state.candidate?.model });
    await federation.work(evaluator);
    expect(runner.state).toMatchObject({ phase: 'collecting', round: 2, attempt: 1, model: task?.model });
    expect(runner.state.history).toEqual([
      expect.objectContaining({
        round: 1,
        outcome: 'released',
        cohort: 3,
        updates: 3,
        weight: 10 + 17 + 24,
        metrics: { loss: 0.5, accuracy: 0.75, examples: 100 },
      }),
    ]);
    await federation.workAll();
    expect(runner.state).toMatchObject({ phase: 'finished', round: 2 });
    expect(federation.reported).toEqual([]);
    expect(federation.clock.pending).toBe(0);
  });

  test('is aggregated at its deadline with what has come, if that is the minimum', async () => {
    const runner = await startedJob();
    const [first, second] = federation.participants as [Node, Node];
    await federation.work(first);
    await federation.work(second);
    await federation.clock.advance(59_999);
    expect(runner.state.phase).toBe('collecting');
    await federation.clock.advance(1);
    expect(runner.state).toMatchObject({ phase: 'finished' });
    expect(runner.state.history).toMatchObject([{ outcome: 'released', updates: 2, cohort: 3, weight: 27 }]);
  });

  test('below its minimum at the deadline is attempted again, until attempts are exhausted', async () => {
    const runner = await startedJob();
    const [first] = federation.participants as [Node];
    await federation.work(first);
    await federation.clock.advance(60_000);
    expect(runner.state).toMatchObject({ phase: 'recruiting', round: 1, attempt: 2 });
    expect(runner.state.history).toMatchObject([
      { outcome: 'aborted', reason: 'cohortTooSmall', updates: 1, attempt: 1 },
    ]);
    await federation.appear();
    await federation.clock.advance(GRACE_MS);
    expect(runner.state).toMatchObject({ phase: 'collecting', attempt: 2 });
    // The update of the first attempt counts no more: the same node is asked again.
    expect(federation.tasksOf(first)).toMatchObject([{ round: 1, attempt: 2 }]);
    await federation.clock.advance(60_000);
    expect(runner.state).toMatchObject({ phase: 'failed', failure: 'attemptsExhausted' });
    expect(runner.state.model).toBe(runner.state.manifest.initialModel);
  });

  test('does not wait for those who decline, and gives up when the minimum is out of reach', async () => {
    const runner = await startedJob();
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.decline(first);
    await federation.work(second);
    expect(runner.state.phase).toBe('collecting');
    await federation.work(third);
    expect(runner.state.phase).toBe('finished');
    expect(runner.state.history).toMatchObject([{ updates: 2, declined: { dataEmpty: 1 } }]);

    const another = await startedJob({ maxAttempts: 1 });
    await federation.decline(first);
    expect(another.state.phase).toBe('collecting');
    await federation.decline(second, 'graphTooLarge');
    expect(another.state).toMatchObject({ phase: 'failed', failure: 'attemptsExhausted' });
    expect(another.state.history).toMatchObject([
      { reason: 'cohortTooSmall', declined: { dataEmpty: 1, graphTooLarge: 1 } },
    ]);
  });

  test('is released at once where all evaluators decline, and with the metrics of one that does not', async () => {
    const two = await TestFederation.open({ evaluators: 2 });
    const [one, other] = two.evaluators as [Node, Node];
    const runner = await two.createJob({ rounds: 3, evaluateEvery: 1 });
    const train = async () => {
      await two.appear();
      for (const node of two.participants) await two.work(node);
      expect(runner.state.phase).toBe('evaluating');
    };
    await two.appear();
    await train();
    await two.decline(one, 'dataShapeMismatch');
    expect([two.tasksOf(one), two.tasksOf(other).length]).toEqual([[], 1]);
    await two.work(other);
    await train();
    expect(two.tasksOf(one)).toEqual([]); // its data fit no better than before
    await two.decline(other, 'nodePaused');
    await train(); // without a deadline in between
    await two.work(other);
    expect(runner.state.history).toMatchObject([
      { metrics: { loss: 0.5 }, unmeasured: { dataShapeMismatch: 1 } },
      { metrics: null, unmeasured: { nodePaused: 1 } },
      { metrics: { loss: 0.5 } },
    ]);
    expect(runner.state).toMatchObject({ phase: 'finished' });
  });

  test('is released without metrics if no evaluator is there, or none answers in time', async () => {
    const [evaluator] = federation.evaluators as [Node];
    await federation.clock.advance(DEFAULT_SETTINGS.livenessMs);
    await federation.appear(federation.participants);
    const alone = await federation.createJob({ evaluateEvery: 1 });
    await atRest();
    for (const node of federation.participants) await federation.work(node);
    expect(alone.state).toMatchObject({ phase: 'finished', history: [{ metrics: null }] });

    const late = await startedJob({ evaluateEvery: 1 });
    for (const node of federation.participants) await federation.work(node);
    expect(late.state.phase).toBe('evaluating');
    const [task] = federation.tasksOf(evaluator);
    await federation.clock.advance(30_000);
    expect(late.state).toMatchObject({ phase: 'finished', history: [{ metrics: null }] });
    expect(late.state.model).toBe(task?.model);

    const measured = await startedJob({ evaluateEvery: 1 });
    await federation.workAll();
    expect(measured.state).toMatchObject({ phase: 'finished', history: [{ metrics: { loss: 0.5 } }] });
  });

  test('waits a little for participants that are expected, and for ever for its minimum', async () => {
    const [first, second, third] = federation.participants as [Node, Node, Node];
    const runner = await federation.createJob();
    await federation.appear([first, second]);
    expect(runner.state.phase).toBe('recruiting');
    await federation.appear([third]);
    expect(runner.state.phase).toBe('collecting');

    const patient = await TestFederation.open();
    const [alice, bob] = patient.participants as [Node, Node];
    const job = await patient.createJob();
    await patient.appear([alice, bob]);
    expect(job.state.phase).toBe('recruiting');
    await patient.clock.advance(GRACE_MS);
    expect(job.state).toMatchObject({ phase: 'collecting', cohort: [alice.nodeId, bob.nodeId].sort() });

    const lonely = await TestFederation.open();
    const another = await lonely.createJob();
    await lonely.appear(lonely.participants.slice(0, 1));
    await lonely.clock.advance(3_600_000);
    expect(another.state.phase).toBe('recruiting');
    await lonely.appear(lonely.participants.slice(0, 2));
    expect(another.state.phase).toBe('collecting');
  });

  test('does not wait for participants that are away for good, or whose connection broke', async () => {
    const { expectedMs } = DEFAULT_SETTINGS;
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.appear();
    await federation.clock.advance(expectedMs - 1);
    const waiting = await federation.createJob();
    await federation.appear([first, second]);
    expect(waiting.state.phase).toBe('recruiting');
    await federation.appear([third]);
    expect(waiting.state.phase).toBe('collecting');
    await federation.call('cancelJob', federation.researcher, { params: { jobId: waiting.jobId } });

    await federation.clock.advance(expectedMs);
    const withoutAway = await federation.createJob();
    await federation.appear([first, second]);
    expect(withoutAway.state).toMatchObject({
      phase: 'collecting',
      cohort: [first.nodeId, second.nodeId].sort(),
    });
    await federation.call('cancelJob', federation.researcher, { params: { jobId: withoutAway.jobId } });

    await federation.appear();
    await federation.call('nextTasks', third, { query: {} }, AbortSignal.abort());
    const withoutBroken = await federation.createJob();
    await atRest();
    expect(withoutBroken.state.cohort).toEqual([first.nodeId, second.nodeId].sort());
  });

  test('a cancelled job is at rest: no task, no timer, nothing accepted', async () => {
    const runner = await startedJob();
    const [first, second] = federation.participants as [Node, Node];
    await federation.work(first);
    const [task] = federation.tasksOf(second);
    await federation.call('cancelJob', federation.researcher, { params: { jobId: runner.jobId } });
    expect(runner.state.phase).toBe('cancelled');
    expect(federation.tasksOf(second)).toEqual([]);
    expect(federation.clock.pending).toBe(0);
    expect(task).toMatchObject({ type: 'train' });
    const event = { type: 'taskDeclined', round: 1, attempt: 1, node: second.nodeId, code: 'x' } as const;
    await expect(runner.dispatch(event)).rejects.toEqual(problemOf('jobEnded'));
  });

  test('a sum that makes no model voids the attempt; the model stays', async () => {
    const huge = { type: 'fedavg', serverLearningRate: 1000 } as const;
    const runner = await startedJob({
      strategy: huge,
      maxAttempts: 1,
      codec: { ...CODEC, clipNorm: 1e38, grid: 1e38 * (CODEC.grid / CODEC.clipNorm) },
    });
    const jobCodec = runner.state.manifest.codec;
    expect(jobCodec.clipNorm).toBe(1e38);
    // The same integers as ever, each worth 1e38 as much.
    await federation.workAll();
    expect(runner.state).toMatchObject({ phase: 'failed', failure: 'attemptsExhausted' });
    expect(runner.state.history).toMatchObject([{ outcome: 'aborted', reason: 'aggregateInvalid' }]);
    expect(runner.state.model).toBe(runner.state.manifest.initialModel);
    expect(federation.reported).toEqual([problemOf('aggregateInvalid')]);
  });
});

describe('the released model', () => {
  const strategies: Strategy[] = [
    { type: 'fedavg', serverLearningRate: 0.7 },
    { type: 'fedavgm', serverLearningRate: 0.9, momentum: 0.9 },
    { type: 'fedadam', serverLearningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.001 },
  ];

  test.each(strategies)('is that of the slow twin, over three rounds of $type', async (strategy) => {
    const runner = await startedJob({ rounds: 3, strategy });
    await federation.workAll();
    const rounds = [1, 2, 3].map((round) =>
      federation.participants.map((node) => federation.updateOf(node, round)),
    );
    const expected = modelTwin(INITIAL_VALUES, rounds, CODEC, strategy);
    expect(runner.state.phase).toBe('finished');
    expect(await modelValues(runner.state.model)).toEqual(expected);
    expect(runner.state.model).toBe(hashOf(modelFile(expected)));
  });

  test('is the same for any order of arrival', async () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 });
    const codes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(order, async (indices) => {
        const one = await TestFederation.open({ participants: 4 });
        await one.appear();
        const runner = await one.createJob({ cohort: { size: 4, minimum: 4 } });
        await atRest();
        for (const index of indices) await one.work(one.participants[index] as Node);
        expect(runner.state.phase).toBe('finished');
        codes.add(runner.state.model);
      }),
      { numRuns: 12 },
    );
    expect(codes.size).toBe(1);
    const other = await startedJob({ cohort: { size: 3, minimum: 3 } });
    await federation.workAll();
    expect(codes).not.toContain(other.state.model);
  });

  test('holds apart two jobs at once', async () => {
    const alone = await startedJob({ name: 'alone' });
    await federation.workAll();
    const first = await startedJob({ name: 'first', rounds: 2 });
    const second = await startedJob({ name: 'second' });
    for (const node of federation.participants) expect(federation.tasksOf(node)).toHaveLength(2);
    await federation.workAll();
    expect([first.state.phase, second.state.phase]).toEqual(['finished', 'finished']);
    expect(second.state.model).toBe(alone.state.model);
    expect(first.state.history[0]?.model).toBe(alone.state.model);
    expect(first.state.model).not.toBe(alone.state.model);
  });
});

describe('a coordinator that was killed goes on where it was', () => {
  const manifest = { rounds: 1, evaluateEvery: 1, cohort: { size: 3, minimum: 2 } } as const;

  /** Brings the job to a phase and leaves it there. */
  const arrivals: Record<string, () => Promise<void>> = {
    recruiting: async () => {
      await federation.createJob(manifest);
    },
    collecting: async () => {
      await startedJob(manifest);
      await federation.work(federation.participants[0] as Node);
      await federation.work(federation.participants[1] as Node);
    },
    aggregating: async () => {
      await startedJob(manifest);
      federation.blobs.fault = (what) => (what === 'read' ? 'dead' : undefined);
      for (const node of federation.participants) await federation.work(node);
    },
    evaluating: async () => {
      await startedJob(manifest);
      for (const node of federation.participants) await federation.work(node);
    },
    releasing: async () => {
      await startedJob(manifest);
      for (const node of federation.participants) await federation.work(node);
      federation.store.fault = (_, events) => (events[0]?.type === 'released' ? 'dead' : undefined);
      await federation.work(federation.evaluators[0] as Node);
    },
    finished: async () => {
      await startedJob(manifest);
      await federation.workAll();
    },
  };

  test.each(Object.keys(arrivals))('in %s', async (phase) => {
    await arrivals[phase]?.();
    const [before] = federation.coordinator.jobs() as [JobRunner];
    const { accepted, cohort, deadline } = before.state;
    expect(before.state.phase).toBe(phase);

    await federation.reopen();
    const [after] = federation.coordinator.jobs() as [JobRunner];
    // What was acknowledged is still there, read back from the store; only then does work go on.
    if (phase !== 'aggregating' && phase !== 'releasing')
      expect(after.state).toMatchObject({ phase, accepted, cohort, deadline });
    await federation.appear();
    await federation.workAll();
    expect(after.state.phase).toBe('finished');
    expect(after.state.history).toMatchObject([{ outcome: 'released', updates: 3, weight: 51 }]);

    const undisturbed = await TestFederation.open({ participants: 3, evaluators: 1 });
    await undisturbed.appear();
    const twin = await undisturbed.createJob(manifest);
    await atRest();
    await undisturbed.workAll();
    expect(after.state.model).toBe(twin.state.model);
    expect(after.state.history[0]?.metrics).toEqual(twin.state.history[0]?.metrics);
  });

  test('after the deadline: what had been accepted is aggregated', async () => {
    const runner = await startedJob();
    const [first, second] = federation.participants as [Node, Node];
    await federation.work(first);
    await federation.work(second);
    expect(runner.state.phase).toBe('collecting');
    federation.store.kill();
    await federation.clock.advance(90_000);
    await federation.reopen();
    await federation.clock.advance(0);
    const [after] = federation.coordinator.jobs() as [JobRunner];
    expect(after.state).toMatchObject({ phase: 'finished', history: [{ updates: 2 }] });
  });

  test('in the middle of a second round, with the memory of the strategy', async () => {
    const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.5 } as const;
    const runner = await startedJob({ rounds: 2, strategy });
    for (const node of federation.participants) await federation.work(node);
    await federation.work(federation.participants[2] as Node);
    expect(runner.state).toMatchObject({ phase: 'collecting', round: 2 });
    await federation.reopen();
    await federation.appear();
    await federation.workAll();
    const [after] = federation.coordinator.jobs() as [JobRunner];
    const rounds = [1, 2].map((round) =>
      federation.participants.map((node) => federation.updateOf(node, round)),
    );
    expect(await modelValues(after.state.model)).toEqual(modelTwin(INITIAL_VALUES, rounds, CODEC, strategy));
  });

  test('the store of another coordinator is refused', async () => {
    const store = memoryStore();
    const options: FederationOptions = { store };
    const own = await TestFederation.open(options);
    await own.reopen();
    expect(own.coordinator.federation.id).toMatch(/^fed-/);
    const stranger = { ...own.coordinator.dependencies, store, signer: own.researcher.signer };
    await expect(Coordinator.open(stranger)).rejects.toEqual(problemOf('storageCorrupt'));
  });
});

describe('waiting for tasks', () => {
  test('ends when a task comes up, when the time is over, and when the coordinator closes', async () => {
    const [first] = federation.participants as [Node];
    const waiting = federation.call('nextTasks', first, { query: { wait: '20' } });
    await federation.appear();
    await federation.createJob();
    await expect(waiting).resolves.toMatchObject({ tasks: [{ type: 'train', round: 1 }] });

    await federation.work(first);
    const idle = federation.call('nextTasks', first, { query: { wait: '20' } });
    await federation.clock.advance(20_000);
    await expect(idle).resolves.toMatchObject({ tasks: [] });

    const closing = federation.call('nextTasks', first, { query: { wait: '20' } });
    await federation.coordinator.close();
    await expect(closing).resolves.toMatchObject({ tasks: [] });
  });

  test('waiting for a change of a job ends when the coordinator closes', async () => {
    const runner = await federation.createJob();
    const { jobId, sequence } = runner;
    const query = { after: String(sequence), wait: '20' };
    const changed = federation.call('getJob', federation.researcher, { params: { jobId }, query });
    await federation.appear();
    expect(await changed).toMatchObject({ phase: 'collecting' });
    const again = { after: String(runner.sequence), wait: '20' };
    const waiting = federation.call('getJob', federation.researcher, { params: { jobId }, query: again });
    await federation.coordinator.close();
    expect(await waiting).toMatchObject({ phase: 'collecting', sequence: runner.sequence });
  });
});

test('jobs are listed newest first, also those of the same moment', async () => {
  const created = [await federation.createJob(), await federation.createJob()];
  await federation.clock.advance(1);
  created.push(await federation.createJob(), await federation.createJob());
  expect(federation.coordinator.jobs()).toEqual(created.reverse());
});

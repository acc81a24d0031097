import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HanseError } from '../../protocol/problem.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { AuditNote } from '../../server/audit-notes.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { Retention } from '../../server/retention.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import { verifyKept } from '../../server/stored-round.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { FORWARD_GRAPH, INITIAL_MODEL } from '../fixtures/manifest.ts';
import { allSend, partiesOf } from '../fixtures/secure-party.ts';
import { beginJob, playRound, SIZE } from '../fixtures/secure-round.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const DAY = 86_400_000;

async function names(federation: TestFederation): Promise<string[]> {
  const all: string[] = [];
  for await (const name of federation.blobs.list()) all.push(name);
  return all.sort();
}

const open = (keepUpdatesMs: number, participants = 3) =>
  TestFederation.open({ participants, settings: { keepUpdatesMs } });

async function plainJob(
  federation: TestFederation,
  overrides: Partial<JobManifest> = {},
): Promise<JobRunner> {
  await federation.appear();
  const runner = await federation.createJob({ rounds: 2, ...overrides });
  await federation.appear();
  return runner;
}

const updatesOf = (federation: TestFederation, round: number) =>
  federation.participants.map((node) => hashOf(federation.updateOf(node, round)));

const told = async (federation: TestFederation) =>
  (await federation.store.read('retention')).map(({ type, data }) => ({ type, ...(data as object) }));

describe('updates', () => {
  test('are kept for as long as the operator wants, from the end of their attempt on, and then removed and told of', async () => {
    const federation = await open(30 * DAY);
    const { jobId } = await plainJob(federation, {
      deadlines: { collectSeconds: 604_800, evaluateSeconds: 30 },
    });
    for (const node of federation.participants) await federation.work(node);
    await federation.appear();
    await federation.clock.advance(DAY);
    for (const node of federation.participants) await federation.work(node);
    const models = federation.coordinator.job(jobId).state.history.map(({ model }) => model ?? '');
    expect(models).toHaveLength(2);
    const lasting = [hashOf(FORWARD_GRAPH), hashOf(INITIAL_MODEL), ...models];
    const all = [...lasting, ...updatesOf(federation, 1), ...updatesOf(federation, 2)];
    await federation.clock.advance(29 * DAY - 1);
    expect(await names(federation)).toEqual(all.sort());
    expect(await told(federation)).toEqual([]);
    await federation.clock.advance(1);
    expect(await names(federation)).toEqual([...lasting, ...updatesOf(federation, 2)].sort());
    await federation.clock.advance(DAY);
    expect(await names(federation)).toEqual(lasting.sort());
    const bytes = federation.updateOf(federation.participants[0] as Node, 1).length * 3;
    const removed = { type: 'contentRemoved', jobId, attempt: 1, what: 'updates', contents: 3, bytes };
    expect(await told(federation)).toEqual([
      { ...removed, round: 1 },
      { ...removed, round: 2 },
    ]);
    expect(federation.clock.pending).toBe(0);
    expect(federation.reported).toEqual([]);
  });

  test('the log tells of them, up to when, before the event does; what it does not take is told again', async () => {
    const noted: AuditNote[] = [];
    let isFull = true;
    const record = async (note: AuditNote) => {
      if (note.type !== 'retention.enforced') return;
      if (isFull) throw new HanseError('storageFull', { path: 'x' });
      noted.push(note);
    };
    const settings = { keepUpdatesMs: 30 * DAY };
    const federation = await TestFederation.open({ participants: 3, settings, notes: { record } });
    const runner = await plainJob(federation, { rounds: 1 });
    for (const node of federation.participants) await federation.work(node);
    const until = runner.state.history[0]?.endedAt;
    await federation.clock.advance(30 * DAY);
    expect([noted, await told(federation), federation.reported.length]).toEqual([[], [], 1]);
    isFull = false;
    await federation.clock.advance(60_000);
    const bytes = federation.updateOf(federation.participants[0] as Node, 1).length * 3;
    expect(noted).toEqual([
      { type: 'retention.enforced', data: { what: 'updates', count: 3, bytes, until } },
    ]);
    expect(await told(federation)).toHaveLength(1);
    await federation.clock.advance(DAY);
    expect(noted).toHaveLength(1);
  });

  test('go at once where nothing is kept; the same bytes, sent again for the next attempt, are not taken for the old ones', async () => {
    const federation = await open(0);
    const { jobId } = await plainJob(federation);
    const [first, second, third] = federation.participants as [Node, Node, Node];
    const name = hashOf(federation.updateOf(first, 1));
    await federation.work(first);
    expect(await names(federation)).toContain(name);
    await federation.decline(second, 'taskAnswered');
    await federation.decline(third, 'taskAnswered');
    expect(federation.coordinator.job(jobId).state).toMatchObject({ round: 1, attempt: 2 });
    expect(await names(federation)).not.toContain(name);
    await federation.appear();
    await federation.workAll();
    expect(federation.coordinator.job(jobId).state.phase).toBe('finished');
    expect(await names(federation)).toHaveLength(2 + 2);
    expect((await told(federation)).map((event) => (event as { contents?: number }).contents)).toEqual([
      1, 3, 3,
    ]);
    expect(federation.reported).toEqual([]);
  });

  test('that are due stay while the next attempt has the same bytes', async () => {
    const federation = await open(1000);
    const { jobId } = await plainJob(federation);
    const [first, second, third] = federation.participants as [Node, Node, Node];
    const name = hashOf(federation.updateOf(first, 1));
    await federation.work(first);
    for (const node of [second, third]) await federation.decline(node, 'taskAnswered');
    await federation.appear();
    await federation.work(first);
    expect(federation.coordinator.job(jobId).state).toMatchObject({ attempt: 2, phase: 'collecting' });
    await federation.clock.advance(1000);
    expect(await told(federation)).toMatchObject([{ round: 1, attempt: 1, contents: 1 }]);
    expect(await names(federation)).toContain(name);
    for (const node of [second, third]) await federation.work(node);
    await federation.clock.advance(999);
    expect(await names(federation)).toContain(name);
    await federation.clock.advance(1);
    expect(await names(federation)).not.toContain(name);
    expect(federation.reported).toEqual([]);
  });

  test('of a cancelled job go too', async () => {
    const federation = await open(DAY);
    const { jobId } = await plainJob(federation);
    await federation.work(federation.participants[0] as Node);
    await federation.clock.advance(1000);
    await federation.call('cancelJob', federation.researcher, { params: { jobId } });
    await federation.clock.advance(DAY - 1);
    expect(await names(federation)).toHaveLength(3);
    await federation.clock.advance(1);
    expect(await names(federation)).toEqual([hashOf(FORWARD_GRAPH), hashOf(INITIAL_MODEL)].sort());
  });

  test('stay for good where nothing else is said', async () => {
    const federation = await open(Number.POSITIVE_INFINITY);
    await plainJob(federation);
    await federation.workAll();
    await federation.clock.advance(10_000 * DAY);
    for (const name of updatesOf(federation, 1)) expect(await names(federation)).toContain(name);
  });
});

test('of a secure attempt shares and answers go once it is over, its updates later; then its sum cannot be made again', async () => {
  const federation = await open(DAY, SIZE);
  const { jobId } = await beginJob(federation, { rounds: 2 });
  const sent = partiesOf(federation);
  for (const message of ['advertise', 'share'] as const) await allSend(sent, message);
  const shares = sent.map(({ dealt }) => hashOf(dealt?.bytes ?? new Uint8Array()));
  for (const name of shares) expect(await names(federation)).toContain(name);
  for (const party of sent.slice(0, 2)) await party.decline('taskAnswered');
  await federation.appear();
  expect(federation.coordinator.job(jobId).state.attempt).toBe(2);
  for (const name of shares) expect(await names(federation)).not.toContain(name);

  const parties = await playRound(federation, 1);
  const { state } = federation.coordinator.job(jobId);
  const { record, sum } = state.history[1]?.secure ?? {};
  const updates = parties.flatMap(({ masked }) => (masked ? [hashOf(masked.body)] : []));
  expect(updates).toHaveLength(SIZE - 1);
  const lasting = [FORWARD_GRAPH, INITIAL_MODEL].map(hashOf).concat(record ?? '', sum ?? '', state.model);
  expect(await names(federation)).toEqual([...lasting, ...updates].sort());
  await expect(verifyKept(federation, jobId, 1)).resolves.toMatchObject({ recomputed: true });
  await federation.clock.advance(DAY);
  for (const name of updates) expect(await names(federation)).not.toContain(name);
  for (const name of lasting) expect(await names(federation)).toContain(name);
  await expect(verifyKept(federation, jobId, 1)).rejects.toMatchObject({
    code: 'notRecomputable',
    detail: { round: 1, removed: SIZE - 1 },
  });
  expect(federation.reported).toEqual([]);
});

describe('content that something else needs stays', () => {
  test('a graph of another job, the same bytes as the shares of a node', async () => {
    const federation = await open(0, SIZE);
    await beginJob(federation, { rounds: 1 });
    const parties = partiesOf(federation);
    await allSend(parties, 'advertise');
    await allSend(parties, 'share');
    const [graph = '', other = ''] = parties.map(({ dealt }) => hashOf(dealt?.bytes ?? new Uint8Array()));
    const { graph: usual } = federation.manifest();
    await federation.createJob({ graph: { ...usual, forward: graph }, cohort: { size: 8, minimum: 8 } });
    for (const party of parties.slice(0, 2)) await party.decline('taskAnswered');
    expect(await names(federation)).toContain(graph);
    expect(await names(federation)).not.toContain(other);
    await federation.clock.advance(2 * DAY);
    await federation.reopen();
    expect(await names(federation)).toContain(graph);
  });

  test('whatever else an event names', async () => {
    const federation = await open(0);
    const runner = await plainJob(federation, { rounds: 1 });
    await federation.workAll();
    const { jobId, state } = runner;
    const [state1, message] = await Promise.all(
      [1, 2].map((i) => federation.blobs.put(new Uint8Array(9).fill(i), { limitBytes: 9 })),
    );
    const shares = (sha256: string) => ({
      type: 'sharesAccepted',
      version: 1,
      data: { round: 1, attempt: 1, node: '1'.repeat(32), sha256, bytes: 9 },
    });
    const aggregated = { type: 'aggregated', version: 1, data: { strategyState: state1?.sha256 } };
    const store = memoryStore();
    const events = [shares(state1?.sha256 ?? ''), shares(message?.sha256 ?? ''), aggregated];
    await store.append(`job/${jobId}`, 0, events, new Date(0));
    const { blobs, clock } = federation;
    const report = (error: unknown) => federation.reported.push(error);
    const retention = new Retention({ store, blobs, clock, report, isNeeded: () => false }, 0);
    await retention.open([{ jobId, state }]);
    expect(await names(federation)).toContain(state1?.sha256);
    expect(await names(federation)).not.toContain(message?.sha256);
    expect(federation.reported).toEqual([]);
    await retention.close();
  });

  test('what a member has stored for a job that may come', async () => {
    const federation = await open(0);
    const body = federation.updateOf(federation.participants[0] as Node, 1);
    await federation.call('putBlob', federation.researcher, { params: { sha256: hashOf(body) }, body });
    await plainJob(federation);
    await federation.workAll();
    expect(await names(federation)).toContain(hashOf(body));
  });

  test('an update that another job has kept for longer', async () => {
    const federation = await open(DAY);
    await plainJob(federation, { rounds: 1 });
    await federation.workAll();
    await federation.clock.advance(DAY / 2);
    await plainJob(federation, { rounds: 1, name: 'another' });
    await federation.workAll();
    await federation.clock.advance(DAY / 2);
    for (const name of updatesOf(federation, 1)) expect(await names(federation)).toContain(name);
    expect(await told(federation)).toHaveLength(1);
    await federation.clock.advance(DAY / 2);
    for (const name of updatesOf(federation, 1)) expect(await names(federation)).not.toContain(name);
  });

  test('one that is arriving while the old copy is about to go', async () => {
    const federation = await open(0);
    const { retention } = federation.coordinator;
    await plainJob(federation, { rounds: 1 });
    const [name = '', other = ''] = updatesOf(federation, 1);
    let arrived = () => {};
    const arriving = retention.storing(name, () => new Promise<void>((resolve) => (arrived = resolve)));
    await federation.workAll();
    expect(await names(federation)).toContain(name);
    expect(await names(federation)).not.toContain(other);
    arrived();
    await arriving;
    // Nothing came of it: the next start removes it.
    await federation.reopen();
    expect(await names(federation)).not.toContain(name);
  });
});

describe('a removal that fails', () => {
  test.each(['full', 'dead'] as const)('%s, at the first content: is made up for', async (fault) => {
    const federation = await open(0);
    const { jobId } = await plainJob(federation, { rounds: 1 });
    federation.blobs.fault = (what) => (what === 'delete' ? fault : undefined);
    await federation.workAll();
    expect(federation.coordinator.job(jobId).state.phase).toBe('finished');
    for (const name of updatesOf(federation, 1)) expect(await names(federation)).toContain(name);
    expect(await told(federation)).toEqual([]);
    if (fault === 'dead') await federation.reopen();
    else {
      expect(federation.reported).toMatchObject([{ code: 'storageFailed' }]);
      federation.blobs.fault = () => undefined;
      await federation.clock.advance(60_000);
    }
    expect(await names(federation)).toHaveLength(3);
    expect(await told(federation)).toHaveLength(1);
  });

  test.each(['full', 'fullAfter', 'dead'] as const)('%s, at the event: it is told once', async (fault) => {
    const federation = await open(0);
    await plainJob(federation, { rounds: 1 });
    federation.store.fault = (stream) => (stream === 'retention' ? fault : undefined);
    await federation.workAll();
    expect(await names(federation)).toHaveLength(3);
    federation.store.fault = () => undefined;
    if (fault === 'dead') await federation.reopen();
    else await federation.clock.advance(60_000);
    expect(await told(federation)).toHaveLength(1);
    await federation.reopen();
    expect(await told(federation)).toHaveLength(1);
    expect(await names(federation)).toHaveLength(3);
  });

  test('content that a copy of the folder brings back goes at the next start', async () => {
    const federation = await open(0);
    await plainJob(federation, { rounds: 1 });
    const body = federation.updateOf(federation.participants[0] as Node, 1);
    await federation.workAll();
    await federation.blobs.put(body, { limitBytes: body.length });
    await federation.reopen();
    expect(await names(federation)).not.toContain(hashOf(body));
    expect(await told(federation)).toHaveLength(1);
  });
});

/** What a run does next; whoever has nothing to do does nothing. */
const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('work' as const), node: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('decline' as const), node: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.nat({ max: 1500 }) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'create' as const }) },
);

test('whatever happens in between: what is needed is there, and what is not goes in time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 40 }),
      fc.constantFrom(0, 1000),
      async (acts, keepUpdatesMs) => {
        const federation = await TestFederation.open({
          participants: 3,
          settings: { keepUpdatesMs, recruitGraceMs: 0 },
        });
        const create = () => plainJob(federation, { rounds: 3, maxAttempts: 5 });
        await create();
        for (const one of acts) {
          const node = federation.participants['node' in one ? one.node : 0] as Node;
          if (one.type === 'work' && federation.tasksOf(node).length > 0) await federation.work(node);
          if (one.type === 'decline' && federation.tasksOf(node).length > 0)
            await federation.decline(node, 'taskAnswered');
          if (one.type === 'advance') await federation.clock.advance(one.ms);
          if (one.type === 'restart') await federation.reopen();
          if (one.type === 'create') await create();
          await federation.appear();
          const there = await names(federation);
          for (const { state } of federation.coordinator.jobs()) {
            for (const { sha256 } of state.accepted.values()) expect(there).toContain(sha256);
            expect(there).toContain(state.model);
          }
        }
        for (const { jobId } of federation.coordinator.jobs()) {
          const { phase } = federation.coordinator.job(jobId).state;
          if (phase === 'finished' || phase === 'failed') continue;
          await federation.call('cancelJob', federation.researcher, { params: { jobId } });
        }
        await federation.clock.advance(keepUpdatesMs);
        const models = federation.coordinator
          .jobs()
          .flatMap(({ state }) => state.history.flatMap(({ model }) => (model ? [model] : [])));
        const lasting = new Set([hashOf(FORWARD_GRAPH), hashOf(INITIAL_MODEL), ...models]);
        for (const name of await names(federation)) expect(lasting).toContain(name);
        expect(federation.reported).toEqual([]);
        await atRest();
      },
    ),
    { numRuns: 40 },
  );
});

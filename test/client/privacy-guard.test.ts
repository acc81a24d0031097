// covers: client/open-privacy-guard.ts
/** A node with a privacy budget: what it refuses before a row is read, what it draws before noise is, and what it tells whom. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DataSet } from '../../client/data/data-set.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import { JobCache } from '../../client/job-cache.ts';
import { ledgerFile, ledgerPath } from '../../client/ledger-file.ts';
import { type OpeningGuard, openPrivacyGuard } from '../../client/open-privacy-guard.ts';
import { participate } from '../../client/participant.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { openLedger } from '../../client/privacy-ledger.ts';
import { forkOf } from '../../protocol/dp/ledger-comparison.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { Secret } from '../../protocol/secret.ts';
import type { Directory } from '../../schemas/directory.ts';
import type { JobPhase } from '../../schemas/job.ts';
import type { DataBudget } from '../../schemas/node-config.ts';
import type { LedgerReport } from '../../schemas/privacy-ledger.ts';
import type { Task } from '../../schemas/task.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { FEDERATION, type JobShelf, jobShelf, statusOf } from '../fixtures/job-shelf.ts';
import { participantEquipment } from '../fixtures/participant-equipment.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { clouds, smallPlan } from '../fixtures/small-job.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const START = Date.parse('2026-01-01T12:00:00.000Z');
const FIRST_LINE_MS = 1000;
const NODE = '1'.repeat(32);
const OTHER_JOB = 'job-00000000000000aa';
const BUDGET: DataBudget = { epsilon: 8, delta: 1e-6 };

let folder: string;
let files = 0;
let provider: Awaited<ReturnType<typeof loadCpuProvider>>;
let promising: JobShelf;
let plain: JobShelf;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-guard-'));
  provider = await loadCpuProvider({ threads: 1 });
  const training = { ...smallPlan().training, learningRate: 1, epochs: 1 };
  const privacy = { unit: 'example', noise: 'discreteGaussian', epsilon: 3, delta: 1e-6, rate: 0.5 } as const;
  promising = await jobShelf({ training, clipNorm: 1, privacy });
  plain = await jobShelf();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function fresh(): string {
  files += 1;
  return join(folder, `${files}.json`);
}

/** Twelve examples that are counted as they are read. */
function watchedSet(budget: DataBudget | undefined, name = 'clouds'): DataSet & { reads(): number } {
  const examples = clouds(12);
  let reads = 0;
  const features = new Proxy(examples.features, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$|^subarray$|^slice$/.test(key)) reads += 1;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    examples: { ...examples, name, features },
    version: '1',
    allowSingleClass: false,
    ...(budget && { budget }),
    reads: () => reads,
  };
}

const guardAt = (identityFile: string, dataSets: readonly DataSet[], more: Partial<OpeningGuard> = {}) =>
  openPrivacyGuard({
    identity: {
      seed: new Secret(new Uint8Array(32).fill(1)),
      nodeId: NODE,
      federationId: FEDERATION,
    } as never,
    identityFile,
    dataSets,
    clock: new HastyClock(FIRST_LINE_MS, START),
    directory: () => undefined,
    note: () => {},
    ...more,
  });

interface Setting {
  readonly identity?: string;
  readonly budget?: DataBudget | undefined;
  readonly phaseOf?: (jobId: string) => JobPhase;
  readonly of?: JobShelf;
  readonly set?: DataSet;
  /** Of a coordinator that looks at what it is told of the ledger. */
  readonly compare?: (report: LedgerReport) => void;
}

/** What a coordinator remembers of a node. */
function comparing(): (report: LedgerReport) => void {
  let known: LedgerReport['head'] | null = null;
  return (report) => {
    const reason = forkOf(report, known, new Map());
    if (reason !== undefined) throw new HanseError('ledgerForked', { node: NODE, reason });
    known = report.head;
  };
}

/** A node to which these tasks are offered, one after the other. */
async function live(tasks: readonly Task[], setting: Setting = {}) {
  const { identity = fresh(), of = promising, phaseOf = () => 'collecting' } = setting;
  const budget = 'budget' in setting ? setting.budget : BUDGET;
  const set = setting.set ?? { ...watchedSet(budget), examples: { ...clouds(12), name: 'clouds' } };
  const clock = new HastyClock(FIRST_LINE_MS, START);
  const life = new AbortController();
  const events: ParticipantEvent[] = [];
  const jobs = new JobCache(provider);
  let asked = 0;
  const api = scriptedCoordinator({
    ...of.script,
    getJob: ({ params: { jobId } }) => ({
      ...statusOf(of.manifest, of.manifestSha256),
      jobId,
      phase: phaseOf(jobId),
    }),
    reportCapabilities: ({ body }) => {
      if (body.ledger) setting.compare?.(body.ledger);
      return {};
    },
    nextTasks: () => {
      const task = tasks[asked];
      asked += 1;
      if (asked > tasks.length) life.abort();
      return { tasks: task ? [task] : [] };
    },
    putUpdate: ({ body }) => ({ sha256: hashOf(body), bytes: body.length }),
    decline: () => ({}),
  });
  await participate({
    ...participantEquipment({ provider, jobs, clock }),
    dataSets: [set],
    privacy: await guardAt(identity, [set]),
    api,
    signal: life.signal,
    observe: (event) => events.push(event),
  });
  await jobs.release();
  const declines = events.flatMap((event) => (event.type === 'declined' ? [event.problem] : []));
  const sent = api.calls.filter(({ name }) => name === 'decline').map(({ request }) => request.body);
  const contributed = events.filter(({ type }) => type === 'contributed').length;
  return { identity, api, declines, sent, contributed, set };
}

const read = async (identity: string) => (await openLedger(ledgerFile(identity), undefined)).ledger;
const rounds = (count: number, of = promising) =>
  Array.from({ length: count }, (_, i) => of.trainTask({ round: i + 1 }));

test('each attempt is drawn once, beside what the whole job was promised', async () => {
  const { identity, contributed, declines } = await live([
    ...rounds(2),
    promising.trainTask({ round: 2, attempt: 2 }),
  ]);
  expect(declines).toEqual([]);
  expect(contributed).toBe(3);
  const ledger = await read(identity);
  expect(ledger.uses()).toMatchObject([
    {
      useId: promising.trainTask().jobId,
      dataSet: 'clouds',
      purpose: 'testing',
      rounds: 3,
      draws: 3,
      author: null,
    },
  ]);
  const [balance] = ledger.balances();
  expect(balance?.spent).toBeGreaterThan(2_000_000);
  expect(balance?.spent).toBe(balance?.spentAndReserved);
});

test('an attempt that was drawn before the node was started again is not answered again', async () => {
  const { identity, contributed } = await live(rounds(1));
  expect(contributed).toBe(1);
  const again = await live(rounds(1), { identity });
  expect(again.contributed).toBe(0);
  expect(again.sent).toEqual([{ code: 'taskAnswered' }]);
  expect((await live(rounds(2).slice(1), { identity })).contributed).toBe(1);
});

test('who has created the job is the organisation that the pinned directory names', async () => {
  const identity = fresh();
  const set = { ...watchedSet(BUDGET) };
  const nodes = [{ nodeId: NODE }];
  const directory = { organisations: [{ organisationId: 'clinic-a', nodes }] } as never;
  const guard = await guardAt(identity, [set], { directory: () => directory });
  const api = scriptedCoordinator({
    getJob: () => ({ ...statusOf(promising.manifest, promising.manifestSha256), createdBy: NODE }),
  });
  const asking = { api, signal: new AbortController().signal };
  await guard.reserve(promising.trainTask(), promising.manifest, set, asking);
  await guard.reserve(promising.trainTask({ round: 2 }), promising.manifest, set, asking);
  expect(api.count('getJob')).toBe(1);
  expect((await read(identity)).uses()).toMatchObject([{ author: 'clinic-a' }]);
});

describe('refused', () => {
  test('with the figures for the owner, the code for the coordinator, and before a row is read', async () => {
    const set = watchedSet({ epsilon: 1, delta: 1e-6 });
    const { declines, sent, api, identity } = await live(rounds(1), { set });
    const [problem] = declines;
    if (!isProblem(problem, 'budgetExceeded')) throw problem;
    expect(problem.detail).toMatchObject({ dataSet: 'clouds', budget: 1, spent: 0, spentAndReserved: 0 });
    expect(problem.detail.asked).toBeGreaterThan(3);
    expect(problem.detail.together).toBe(problem.detail.asked);
    expect(sent).toEqual([{ code: 'budgetExceeded' }]);
    expect(api.count('getBlob')).toBe(0);
    expect(set.reads()).toBe(0);
    expect((await read(identity)).uses()).toEqual([]);
    // The counter is not blind.
    const enough = watchedSet(BUDGET);
    expect((await live(rounds(1), { set: enough })).contributed).toBe(1);
    expect(enough.reads()).toBeGreaterThan(0);
  });

  test.each<[ProblemOf: string, budget: DataBudget | undefined]>([
    ['budgetMissing', undefined],
    ['neighbouringMismatch', { ...BUDGET, unit: 'person' }],
    ['neighbouringMismatch', { ...BUDGET, unit: 'participant' }],
  ])('%s', async (code, budget) => {
    const { sent, contributed, api } = await live(rounds(1), { budget });
    expect(sent).toEqual([{ code }]);
    expect(contributed).toBe(0);
    expect(api.count('getBlob')).toBe(0);
  });

  test('a second job for which there is no room beside the first, until the first has ended', async () => {
    const budget = { epsilon: 4.2, delta: 1e-6 };
    const { identity } = await live(rounds(1), { budget });
    const other = promising.trainTask({ jobId: OTHER_JOB });
    const refused = await live([other], { identity, budget });
    expect(refused.sent).toEqual([{ code: 'budgetExceeded' }]);
    const [before] = (await read(identity)).balances();
    const admitted = await live([other], {
      identity,
      budget,
      phaseOf: (jobId) => (jobId === OTHER_JOB ? 'collecting' : 'failed'),
    });
    expect(admitted.contributed).toBe(1);
    const ledger = await read(identity);
    expect(ledger.uses()).toMatchObject([
      { useId: promising.trainTask().jobId, draws: 1, isSettled: true },
      { useId: OTHER_JOB, draws: 1, isSettled: false },
    ]);
    expect(ledger.balances()[0]?.spent).toBeGreaterThan(before?.spent ?? 0);
  });
});

describe('budgets', () => {
  test('without one nothing is written, and jobs without a promise are trained', async () => {
    const { identity, contributed } = await live(rounds(1, plain), { budget: undefined, of: plain });
    expect(contributed).toBe(1);
    await expect(readFile(ledgerPath(identity))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('jobs without a promise cost nothing of one', async () => {
    const { identity, contributed } = await live(rounds(1, plain), { of: plain });
    expect(contributed).toBe(1);
    const ledger = await read(identity);
    expect(ledger.uses()).toEqual([]);
    expect(ledger.balances()).toMatchObject([{ dataSet: 'clouds', budget: 8_000_000, spent: 0, units: 12 }]);
  });

  test('that would permit to publish an example are refused at the start', async () => {
    const start = (delta: number) => guardAt(fresh(), [watchedSet({ epsilon: 1, delta })]);
    await expect(start(1 / 12)).rejects.toMatchObject({ code: 'deltaTooLarge' });
    await expect(start(1 / 13)).resolves.toBeDefined();
  });

  test('of participants have a delta below one over those in the directory', async () => {
    const role = (name: string) => ({ role: name });
    const nodes = [...Array.from({ length: 20 }, () => role('participant')), role('evaluator')];
    const directory = { organisations: [{ nodes: nodes.slice(0, 8) }, { nodes: nodes.slice(8) }] };
    const start = (delta: number) =>
      guardAt(fresh(), [watchedSet({ epsilon: 1, delta, unit: 'participant' })], {
        directory: () => directory as unknown as Directory,
      });
    await expect(start(1 / 20)).rejects.toMatchObject({ code: 'deltaTooLarge', detail: { units: 20 } });
    await expect(start(1 / 21)).resolves.toBeDefined();
  });

  test('are told once, and a last line that was torn off is told', async () => {
    const identity = fresh();
    const notes: string[] = [];
    const open = () => guardAt(identity, [watchedSet(BUDGET)], { note: (line) => notes.push(line) });
    await open();
    await open();
    expect(notes).toEqual(['privacy budget of clouds: epsilon 8 at delta 0.000001 for each example']);
    await ledgerFile(identity).append('{"number":2,');
    await open();
    expect(notes.at(-1)).toMatch(/12 bytes .* cut off/);
  });

  test('of a ledger that was edited are not used', async () => {
    const { identity } = await live(rounds(1));
    const text = await readFile(ledgerPath(identity), 'utf8');
    await ledgerFile(identity).cut(0);
    await ledgerFile(identity).append(text.replace('8000000', '9000000'));
    await expect(guardAt(identity, [watchedSet(BUDGET)])).rejects.toMatchObject({ code: 'ledgerCorrupt' });
    await ledgerFile(identity).cut(0);
    await ledgerFile(identity).append(text);
    await expect(guardAt(identity, [watchedSet(BUDGET)])).resolves.toBeDefined();
  });
});

describe('what the coordinator compares', () => {
  test('is where the ledger ends, and the draws of each job', async () => {
    const { identity, api } = await live(rounds(2));
    const guard = await guardAt(identity, [watchedSet(BUDGET)]);
    const { jobId } = promising.trainTask();
    const head = (await openLedger(ledgerFile(identity), undefined)).head;
    expect(head.count).toBe(4);
    expect(await guard.report()).toEqual({ head, draws: [{ jobId, draws: 2 }] });
    const [begin] = api.calls.filter(({ name }) => name === 'reportCapabilities');
    expect(begin?.request.body).toMatchObject({ ledger: { head: { count: 1 }, draws: [] } });
    expect(await (await guardAt(fresh(), [watchedSet(undefined)])).report()).toBeUndefined();
  });

  test('an older copy that was put back is found, and the node stops', async () => {
    const compare = comparing();
    const { identity } = await live(rounds(1), { compare });
    const older = await readFile(ledgerPath(identity), 'utf8');
    await live(rounds(2).slice(1), { identity, compare });
    await live([], { identity, compare });
    await ledgerFile(identity).cut(0);
    await ledgerFile(identity).append(older);
    await expect(live([], { identity, compare })).rejects.toMatchObject({ code: 'ledgerForked' });
  });
});

test('what goes wrong otherwise is not taken for a refusal of a data set', async () => {
  const set = watchedSet(BUDGET);
  const guard = await guardAt(fresh(), [set]);
  const api = scriptedCoordinator({
    getJob: () => {
      throw new HanseError('coordinatorUnreachable', { url: 'x', reason: 'x' });
    },
  });
  const asking = { api, signal: new AbortController().signal };
  await expect(
    guard.consider(promising.trainTask(), promising.manifest, [set], asking),
  ).resolves.toBeUndefined();
  await expect(guard.reserve(promising.trainTask(), promising.manifest, set, asking)).rejects.toMatchObject({
    code: 'coordinatorUnreachable',
  });
});

import { expect, test } from 'vitest';
import { NodeLedger } from '../../client/node-ledger.ts';
import { PolicyGate } from '../../client/policy-gate.ts';
import { isProblem } from '../../protocol/problem.ts';
import type { Directory } from '../../schemas/directory.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { CostLimits, NodePolicy } from '../../schemas/node-policy.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { directoryOf, organisationOf } from '../fixtures/directory-maker.ts';
import { JOB, statusOf } from '../fixtures/job-shelf.ts';
import { manifestOf } from '../fixtures/manifest.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';

const NEVER = new AbortController().signal;
const manifest = manifestOf('fed-0123456789abcdef', {
  aggregation: 'secure',
  secureAggregation: { suite: 1, colluders: 0, answerSeconds: 60 },
});
const context = { jobId: JOB, manifestSha256: '0'.repeat(64), round: 1, attempt: 1, model: '0'.repeat(64) };
const deadline = '2026-01-15T12:00:00.000Z';
const TRAIN = { type: 'train', ...context, deadline } as const;
const EVALUATE = { type: 'evaluate', ...context, deadline } as const;

interface Setting {
  readonly policy?: NodePolicy;
  readonly limits?: CostLimits;
  readonly directory?: Directory;
  readonly cohort?: readonly string[];
  readonly of?: JobManifest;
  readonly createdBy?: string;
}

function gateOf({ policy = {}, limits = {}, directory, cohort = [], of = manifest, createdBy }: Setting) {
  const clock = new VirtualClock(Date.parse('2026-01-15T12:00:30.000Z'));
  const ledger = new NodeLedger();
  const gate = new PolicyGate({ policy, limits, clock, ledger, directory: () => directory });
  const api = scriptedCoordinator({
    getJob: () => ({
      ...statusOf(of, '0'.repeat(64)),
      cohort: [...cohort],
      ...(createdBy !== undefined && { createdBy }),
    }),
  });
  const ask = async (task: typeof TRAIN | typeof EVALUATE = TRAIN, stepBytes?: number) => {
    const asked = { manifest: of, examples: 100, ...(stepBytes !== undefined && { stepBytes }) };
    try {
      await gate.admit(task, asked, api, NEVER);
      return 'permitted';
    } catch (error) {
      if (!isProblem(error)) throw error;
      return isProblem(error, 'policyRefused') ? error.detail.rule : error.code;
    }
  };
  return { clock, ledger, gate, api, ask };
}

test('without rules every secure job is permitted, and nobody is asked who else is there', async () => {
  const { ask, api } = gateOf({});
  expect([await ask(), await ask(EVALUATE)]).toEqual(['permitted', 'permitted']);
  expect(api.calls).toEqual([]);
});

test('a job whose coordinator sees each update is for who has permitted that, also to measure its models', async () => {
  const plain = manifestOf('fed-0123456789abcdef');
  const rule = 'allowPlainAggregation';
  for (const policy of [{}, { allowPlainAggregation: false }]) {
    const { ask } = gateOf({ policy, of: plain });
    expect([await ask(), await ask(EVALUATE)]).toEqual([rule, rule]);
  }
  const { ask } = gateOf({ policy: { allowPlainAggregation: true }, of: plain });
  expect([await ask(), await ask(EVALUATE)]).toEqual(['permitted', 'permitted']);
});

test('a refusal names its rule; memory counts once it is known; time is that of this node', async () => {
  expect(await gateOf({ policy: { purposes: ['another'] } }).ask()).toBe('purposes');
  const memory = gateOf({ limits: { memoryMegabytes: 1 } });
  expect([await memory.ask(), await memory.ask(TRAIN, 1e6), await memory.ask(TRAIN, 1e6 + 1)]).toEqual([
    'permitted',
    'permitted',
    'memoryMegabytes',
  ]);
  const time = gateOf({ limits: { secondsPerJob: 10 } });
  time.ledger.add(JOB, 'x', { milliseconds: 1000, steps: 1e9 });
  expect(await time.ask()).toBe('permitted');
  time.ledger.add(JOB, 'x', { milliseconds: 9001 });
  expect(await time.ask()).toBe('secondsPerJob');
  // What costs training alone does not keep an evaluator away, what the job is for does.
  expect(await time.ask(EVALUATE)).toBe('permitted');
  expect(await gateOf({ policy: { purposes: ['another'] } }).ask(EVALUATE)).toBe('purposes');
  expect(await gateOf({ limits: { bytesDownPerRound: 1 } }).ask(EVALUATE)).toBe('bytesDownPerRound');
});

test('known organisations are those of the own directory that the cohort holds; named twice they count once', async () => {
  const [clinic, lab] = await Promise.all([organisationOf('clinic', ['a']), organisationOf('lab', ['b'])]);
  if (!clinic || !lab) throw new Error('unreachable');
  const directory = await directoryOf([clinic, lab]);
  const cohort = [clinic, lab].map(({ nodes }) => nodes[0]?.nodeId ?? '');
  const policy = (minimumKnownOrganisations: number) => ({
    knownOrganisations: ['clinic', clinic.publicKey, 'lab'],
    minimumKnownOrganisations,
  });
  const rule = 'minimumKnownOrganisations';
  expect(await gateOf({ policy: policy(2), directory, cohort }).ask()).toBe('permitted');
  expect(await gateOf({ policy: policy(3), directory, cohort }).ask()).toBe(rule);
  expect(await gateOf({ policy: policy(2), directory, cohort: cohort.slice(0, 1) }).ask()).toBe(rule);
  // Without a directory of its own the node knows nobody, whoever the coordinator says is there.
  expect(await gateOf({ policy: policy(1), cohort }).ask()).toBe(rule);
});

test('a sum is opened only with so many of the known organisations in it, whoever was in the cohort', async () => {
  const [clinic, lab] = await Promise.all([organisationOf('clinic', ['a']), organisationOf('lab', ['b'])]);
  if (!clinic || !lab) throw new Error('unreachable');
  const directory = await directoryOf([clinic, lab]);
  const cohort = [clinic, lab].map(({ nodes }) => nodes[0]?.nodeId ?? '');
  const policy = { knownOrganisations: ['clinic', 'lab'], minimumKnownOrganisations: 2 };
  const { gate, ask } = gateOf({ policy, directory, cohort });
  expect(await ask()).toBe('permitted');
  const stranger = '0'.repeat(32);
  expect(() => gate.admitSurvivors([...cohort, stranger])).not.toThrow();
  const refusal = expect.objectContaining({
    code: 'policyRefused',
    detail: expect.objectContaining({ rule: 'minimumKnownOrganisations', got: '1' }),
  });
  // Two nodes, of which one belongs to nobody that the owner knows; or one twice.
  for (const few of [cohort.slice(0, 1), [...cohort.slice(1), stranger], [cohort[0] ?? '', cohort[0] ?? '']])
    expect(() => gate.admitSurvivors(few)).toThrow(refusal);
  // Without a directory it knows nobody; without the rule it does not ask.
  expect(() => gateOf({ policy, cohort }).gate.admitSurvivors(cohort)).toThrow(
    expect.objectContaining({ code: 'policyRefused' }),
  );
  expect(() => gateOf({ directory }).gate.admitSurvivors([stranger])).not.toThrow();
});

test('an author is looked up in the own directory, and whose node is excluded keeps this one away', async () => {
  const [clinic, lab] = await Promise.all([organisationOf('clinic', ['a']), organisationOf('lab', ['b'])]);
  if (!clinic || !lab) throw new Error('unreachable');
  const directory = await directoryOf([clinic, lab]);
  const [a = '', b = ''] = [clinic, lab].map(({ nodes }) => nodes[0]?.nodeId);
  const of = (policy: NodePolicy) => gateOf({ policy, directory, cohort: [a, b], createdBy: b });
  expect(await of({ organisations: ['lab'] }).ask()).toBe('permitted');
  expect(await of({ organisations: [lab.publicKey] }).ask(EVALUATE)).toBe('permitted');
  expect(await of({ organisations: ['clinic'] }).ask()).toBe('organisations');
  expect(await of({ excludedOrganisations: ['lab'] }).ask()).toBe('organisations');
  expect(await gateOf({ policy: { organisations: ['lab'] }, createdBy: b }).ask()).toBe('organisations');
  const wary = { policy: { excludedOrganisations: ['lab'] }, directory, createdBy: a };
  expect(await gateOf({ ...wary, cohort: [a] }).ask()).toBe('permitted');
  expect(await gateOf({ ...wary, cohort: [a, b] }).ask()).toBe('excludedOrganisations');
  const { gate } = gateOf(wary);
  expect(() => gate.admitSurvivors([a])).not.toThrow();
  for (const survivors of [
    [a, b],
    [a, '0'.repeat(32)],
  ])
    expect(() => gate.admitSurvivors(survivors)).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ rule: 'excludedOrganisations' }) }),
    );
});

test('operators count once they are known', async () => {
  const { gate, api } = gateOf({ policy: { operators: ['Gemm'] } });
  const asked = (operators?: string[]) =>
    gate.admit(TRAIN, { manifest, examples: 1, ...(operators && { operators }) }, api, NEVER);
  await expect(asked()).resolves.toBeUndefined();
  await expect(asked(['Gemm'])).resolves.toBeUndefined();
  await expect(asked(['Gemm', 'Loop'])).rejects.toMatchObject({
    code: 'policyRefused',
    detail: { rule: 'operators', permitted: 'Gemm', got: 'Loop' },
  });
});

test('hours and a pause close the door, and whoever waits hears of it', async () => {
  const policy: NodePolicy = { hours: [{ from: '12:02', to: '12:03' }] };
  const { gate, clock, ask } = gateOf({ policy });
  expect(gate.closed()).toEqual({ why: 'hours', until: Date.parse('2026-01-15T12:02:00.000Z') });
  expect(await ask()).toBe('outsideHours');
  let changes = 0;
  const watch = async () => {
    for (; changes < 3; changes += 1) await gate.change(NEVER);
  };
  const watching = watch();
  await clock.advance(30_000);
  expect([changes, gate.closed()?.why]).toEqual([1, 'hours']);
  await clock.advance(60_000);
  expect([changes, gate.closed()]).toEqual([2, undefined]);
  expect(await ask()).toBe('permitted');
  gate.setPaused(true);
  await watching;
  expect(gate.closed()).toEqual({ why: 'paused', until: null });
  expect(await ask()).toBe('nodePaused');
  gate.setPaused(false);
  expect(gate.closed()).toBeUndefined();
  expect(clock.pending).toBe(0);
  const stopped = new AbortController();
  const waiting = gate.change(stopped.signal);
  stopped.abort();
  await waiting;
  await gate.change(stopped.signal);
  expect(clock.pending).toBe(0);
});

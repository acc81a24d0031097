import { beforeEach, expect, test } from 'vitest';
import { parse } from '../../protocol/parse.ts';
import { JobLine, JobStatus } from '../../schemas/job.ts';
import type { Capabilities } from '../../schemas/member.ts';
import { DEFAULT_SETTINGS } from '../../server/coordinator.ts';
import { lineOf, statusOf, untilChanged } from '../../server/job-view.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';

let federation: TestFederation;
beforeEach(async () => {
  federation = await TestFederation.open({ evaluators: 1 });
});

const never = new AbortController().signal;

test('a status is of its schema in every phase, and counts what has come and gone', async () => {
  const [first, second, third] = federation.participants as [Node, Node, Node];
  const runner = await federation.createJob({ rounds: 2, evaluateEvery: 2 });
  const status = () => {
    const view = statusOf(runner, federation.coordinator);
    // As it travels: what JSON leaves of it must still be of the schema.
    return parse(JobStatus, JSON.parse(JSON.stringify(view)), 'status');
  };
  const bytes = federation.updateOf(first, 1).length;
  expect(status()).toMatchObject({
    phase: 'recruiting',
    waitingFor: 'participants: 0 live, 2 to 3 wanted',
    received: 0,
    sequence: 1,
    bytesUp: 0,
  });
  await federation.appear();
  expect(status()).toMatchObject({ phase: 'collecting', waitingFor: null, sequence: 2 });
  expect(status().cohort).toHaveLength(3);
  await federation.work(first);
  expect(status()).toMatchObject({ received: 1, bytesUp: bytes, sequence: 3 });
  await federation.work(second);
  await federation.work(third);
  expect(status()).toMatchObject({
    round: 2,
    received: 0,
    bytesUp: 3 * bytes,
    rounds: [{ bytesUp: 3 * bytes }],
  });
  for (const node of federation.participants) await federation.work(node);
  expect(status()).toMatchObject({ phase: 'evaluating', bytesUp: 6 * bytes });
  await federation.workAll();
  expect(status()).toMatchObject({ phase: 'finished', bytesUp: 6 * bytes, reason: null });
  expect(status().rounds.map(({ metrics }) => metrics?.accuracy ?? null)).toEqual([null, 0.75]);
});

test('says who cannot take part in the job, and why, until the node reports anew', async () => {
  const [first, second, third] = federation.participants as [Node, Node, Node];
  const runner = await federation.createJob({ maxAttempts: 3 });
  const status = () => {
    const view = statusOf(runner, federation.coordinator);
    return parse(JobStatus, JSON.parse(JSON.stringify(view)), 'status');
  };
  await federation.appear();
  expect(status().unsuited).toBeUndefined();
  await federation.decline(first, 'dataShapeMismatch');
  await federation.decline(second, 'dataShapeMismatch');
  await federation.appear();
  await federation.clock.advance(9000);
  expect(status()).toMatchObject({
    phase: 'recruiting',
    attempt: 2,
    unsuited: { dataShapeMismatch: 2 },
    waitingFor: 'participants: 3 live, 2 of them cannot take part in this job, 2 to 3 wanted',
  });

  const body: Capabilities = { software: 'x', provider: 'wasm', providerReason: '', dataSets: [] };
  const steps = [{ jobId: runner.jobId, milliseconds: 3 }];
  await federation.call('reportCapabilities', first, { body: { ...body, steps } });
  expect(status().phase).toBe('recruiting'); // it has measured another job meanwhile
  await federation.call('reportCapabilities', first, { body });
  await federation.appear();
  await federation.clock.advance(DEFAULT_SETTINGS.recruitGraceMs);
  expect(status()).toMatchObject({
    phase: 'collecting',
    cohort: [first.nodeId, third.nodeId].sort(),
    unsuited: { dataShapeMismatch: 1 },
  });
});

test('bytes sent are counted for the job that names the content', async () => {
  const runner = await federation.createJob();
  const bytesDown = () => statusOf(runner, federation.coordinator).bytesDown;
  expect(bytesDown()).toBe(0);
  const { length } = await federation.call('getBlob', federation.researcher, {
    params: { sha256: runner.state.model },
  });
  expect(bytesDown()).toBe(length);
});

test('a line shows the last accuracy that was measured', async () => {
  await federation.appear();
  const runner = await federation.createJob({ rounds: 2, evaluateEvery: 1 });
  await atRest();
  const line = () => parse(JobLine, lineOf(runner.state), 'line');
  expect(line()).toMatchObject({ name: 'a job', phase: 'collecting', round: 1, rounds: 2, accuracy: null });
  await federation.workAll();
  expect(line()).toMatchObject({ phase: 'finished', round: 2, accuracy: 0.75 });
});

test('waiting for a change ends with the change, the time, the caller, or at once', async () => {
  const { clock } = federation;
  const runner = await federation.createJob();
  let ended: string[] = [];
  const wait = (name: string, after: number, milliseconds = 10_000, signal = never) =>
    void untilChanged(runner, after, milliseconds, clock, signal).then(() => ended.push(name));
  const caller = new AbortController();
  wait('behind', 0);
  wait('no time', 1, 0);
  wait('current', 1);
  wait('far ahead', 9);
  wait('short', 1, 1000);
  wait('given up', 1, 10_000, caller.signal);
  await atRest();
  expect(ended).toEqual(['behind', 'no time']);
  ended = [];
  await clock.advance(1000);
  caller.abort();
  await atRest();
  expect(ended).toEqual(['short', 'given up']);
  ended = [];
  await federation.appear();
  expect(ended).toEqual(['current']);
  // The end of the job ends every wait: nothing more will change.
  await runner.dispatch({ type: 'jobCancelled', by: federation.researcher.nodeId });
  await atRest();
  expect(ended).toEqual(['current', 'far ahead']);
  ended = [];
  wait('after the end', 99);
  await atRest();
  expect(ended).toEqual(['after the end']);
  expect(clock.pending).toBe(0);
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { HanseError } from '../../../protocol/problem.ts';
import type { Node, TestFederation } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { expectProblem, expectSuccess } from '../../fixtures/signed-client.ts';

let listening: ListeningApp;
let federation: TestFederation;
let first: Node;

beforeEach(async () => {
  listening = await listeningApp({ participants: 1 });
  federation = listening.federation;
  [first] = federation.participants as [Node];
});
afterEach(() => listening.close());

test('what fails inside is told by a reference alone, which the operator gets with the error', async () => {
  const secret = 'at /home/someone/secret.ts:1';
  const healthy = await listening.call(federation.researcher, 'listJobs');
  expectSuccess(healthy);
  federation.coordinator.jobs = () => {
    throw new Error(secret);
  };
  const answer = await listening.call(federation.researcher, 'listJobs');
  const problem = expectProblem(answer, 'internalError', 500);
  expect(problem.particulars).toEqual({ reference: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  const text = new TextDecoder().decode(answer.bytes);
  expect(text).not.toContain('secret');
  expect(text).not.toMatch(/\bat .*:\d+/);
  expect(federation.reported).toEqual([expect.objectContaining({ message: secret })]);
});

test('a problem that no caller is meant to see is told by a reference, too', async () => {
  federation.coordinator.jobs = () => {
    throw new HanseError('dataDirInUse', { path: '/var/lib/hanse', pid: 1 });
  };
  const answer = await listening.call(federation.researcher, 'listJobs');
  expectProblem(answer, 'internalError', 500);
  expect(new TextDecoder().decode(answer.bytes)).not.toContain('/var/lib');
  federation.coordinator.jobs = () => {
    throw new HanseError('storageFailed', { path: 'records', reason: 'input/output error' });
  };
  expectProblem(await listening.call(federation.researcher, 'listJobs'), 'storageFailed', 500);
});

test('a disk that stays full is reported seldom, however many ask', async () => {
  federation.store.fault = () => 'full';
  const ask = async () => expectProblem(await listening.call(first, 'listJobs'), 'storageFull', 507);
  await ask();
  await ask();
  expect(federation.reported).toEqual([expect.objectContaining({ code: 'storageFull' })]);
  await federation.clock.advance(60_000);
  await ask();
  expect(federation.reported).toHaveLength(2);
});

test('what is the matter with the storage is told without where and why', async () => {
  federation.store.fault = () => 'full';
  const { status, json } = await listening.call(first, 'listJobs');
  expect([status, json]).toEqual([507, expect.objectContaining({ code: 'storageFull', particulars: {} })]);
});

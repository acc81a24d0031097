import { afterEach, beforeEach, expect, test } from 'vitest';
import { atRest } from '../../../sim/virtual-clock.ts';
import type { Node } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { expectProblem, expectSuccess } from '../../fixtures/signed-client.ts';

let listening: ListeningApp;
beforeEach(async () => {
  listening = await listeningApp();
});
afterEach(() => listening.close());

/** The value of one series, undefined where there is none. */
async function figure(series: string): Promise<number | undefined> {
  const text = await (await fetch(`${listening.server}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('participants, jobs and rounds', async () => {
  const { federation } = listening;
  expect(await figure('hanse_participants_live')).toBe(0);
  await federation.appear();
  expect(await figure('hanse_participants_live')).toBe(3);
  await federation.createJob({ maxAttempts: 2, rounds: 2 });
  await atRest();
  for (const node of federation.participants.slice(0, 2)) await federation.decline(node, 'trainingDiverged');
  expect(await figure('hanse_jobs{state="running"}')).toBe(1);
  expect(await figure('hanse_rounds{outcome="aborted"}')).toBe(1);
  expect(await figure('hanse_rounds{outcome="released"}')).toBe(0);
  await federation.workAll();
  expect(await figure('hanse_jobs{state="running"}')).toBe(0);
  expect(await figure('hanse_jobs{state="ended"}')).toBe(1);
  expect(await figure('hanse_rounds{outcome="released"}')).toBe(2);
});

test('requests by route and status, problems by code; none of it is chosen by a caller', async () => {
  const [node] = listening.federation.participants as [Node];
  expectSuccess(await listening.call(node, 'listJobs'));
  const params = { jobId: 'job-0123456789abcdef' };
  expectProblem(await listening.call(node, 'getJob', { params }), 'jobUnknown', 404);
  await fetch(`${listening.server}/chosen-by-a-caller`);
  expect(await figure('hanse_request_seconds_count{route="/v1/jobs",status="200"}')).toBe(1);
  expect(await figure('hanse_request_seconds_count{route="/v1/jobs/:jobId",status="404"}')).toBe(1);
  expect(await figure('hanse_problems_total{code="jobUnknown"}')).toBe(1);
  expect(await figure('hanse_problems_total{code="routeUnknown"}')).toBe(1);
  const text = await (await fetch(`${listening.server}/metrics`)).text();
  expect(text).not.toContain('chosen');
  expect(text).not.toContain('0123456789abcdef');
});

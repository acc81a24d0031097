import { Value } from 'typebox/value';
import { beforeEach, expect, test, vi } from 'vitest';
import { type CapabilityOptions, CapabilityReport } from '../../client/capability-report.ts';
import { HanseError } from '../../protocol/problem.ts';
import { Capabilities } from '../../schemas/member.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { clouds } from '../fixtures/small-job.ts';

const signal = new AbortController().signal;
const job = (n: number) => `job-${n.toString(16).padStart(16, '0')}`;
const times = new Map<string, number>();
const reports: Capabilities[] = [];
let fails = false;
const report = (options: Partial<CapabilityOptions> = {}) =>
  new CapabilityReport({
    api: scriptedCoordinator({
      reportCapabilities: ({ body }) => {
        if (fails) throw new HanseError('overloaded');
        reports.push(body);
        return {};
      },
    }),
    provider: { name: 'wasm', reason: 'the best available' },
    dataSets: [{ examples: clouds(12), version: '2', allowSingleClass: false }],
    memoryBytes: 2e9,
    ledger: { millisecondsPerStep: (jobId) => times.get(jobId) },
    ...options,
  });

beforeEach(() => {
  times.clear();
  reports.length = 0;
  fails = false;
});

test('says at first what is known without a training', async () => {
  await report().send(signal);
  expect(reports).toMatchObject([
    {
      provider: 'wasm',
      providerReason: 'the best available',
      memoryBytes: 2e9,
      dataSets: [{ version: '2' }],
    },
  ]);
  expect(reports[0]).not.toHaveProperty('steps');
});

test('a step time is told when it is first measured, and when it has changed by half', async () => {
  const node = report();
  for (const milliseconds of [1.234, 1.3, 1.8, 2, 0.8]) {
    times.set(job(1), milliseconds);
    await node.measured(job(1), signal);
  }
  await node.measured(job(2), signal); // nothing was measured
  expect(reports.map(({ steps }) => steps)).toEqual([
    [{ jobId: job(1), milliseconds: 1.2 }],
    [{ jobId: job(1), milliseconds: 2 }],
    [{ jobId: job(1), milliseconds: 0.8 }],
  ]);
});

test('sixteen jobs are told, the latest ones', async () => {
  const node = report();
  for (let n = 1; n <= 20; n += 1) {
    times.set(job(n), n);
    await node.measured(job(n), signal);
  }
  expect(reports.at(-1)?.steps?.map(({ jobId }) => jobId)).toEqual(
    Array.from({ length: 16 }, (_, i) => job(i + 5)),
  );
});

test('a report that is refused after a training is given up; at the beginning it is not', async () => {
  const node = report();
  fails = true;
  times.set(job(1), 1);
  await node.measured(job(1), signal);
  expect(reports).toHaveLength(0);
  await expect(node.send(signal)).rejects.toMatchObject({ code: 'overloaded' });
});

test('while one report is held up, what is measured goes along with the next, and nobody waits for either', async () => {
  const bodies: Capabilities[] = [];
  const held: (() => void)[] = [];
  const node = new CapabilityReport({
    api: scriptedCoordinator({
      reportCapabilities: async ({ body }) => {
        bodies.push(body);
        await new Promise<void>((go) => held.push(go));
        return {};
      },
    }),
    provider: { name: 'wasm', reason: 'the best available' },
    dataSets: [],
    ledger: { millisecondsPerStep: (jobId) => times.get(jobId) },
  });
  const told = [1, 2, 3].map((n) => {
    times.set(job(n), n);
    return node.measured(job(n), signal);
  });
  expect(bodies.map(({ steps }) => steps?.length)).toEqual([1]);
  held.shift()?.();
  await vi.waitFor(() => expect(bodies.map(({ steps }) => steps?.length)).toEqual([1, 3]));
  held.shift()?.();
  await Promise.all([...told, node.settled()]);
  expect(bodies).toHaveLength(2);
});

test('what the form has no room for is told as far as it goes', async () => {
  const told: Capabilities[] = [];
  const odd = new CapabilityReport({
    api: scriptedCoordinator({
      reportCapabilities: ({ body }) => {
        told.push(body);
        return {};
      },
    }),
    provider: { name: 'wasm', reason: `no adapter:\n\u001b[31m${'x'.repeat(300)}` },
    dataSets: [
      {
        examples: { ...clouds(12), name: `${'a'.repeat(79)}\u{1f600}` },
        version: '2',
        allowSingleClass: false,
      },
      { examples: { ...clouds(12), name: '' }, version: '2', allowSingleClass: false },
    ],
    ledger: { millisecondsPerStep: () => 1e12 },
  });
  await odd.measured(job(1), signal);
  const [body] = told;
  expect(Value.Check(Capabilities, body)).toBe(true);
  expect(body?.providerReason.startsWith('no adapter:  [31mxx')).toBe(true);
  expect(body?.dataSets.map(({ name }) => name)).toEqual([`${'a'.repeat(79)} `, '-']);
});

test('who witnesses the log says so, and no more when it leaves for good; others say nothing of it', async () => {
  await report().send(signal);
  const node = report({ witness: {} });
  await node.send(signal);
  await node.resign(signal);
  expect(reports.map(({ witness }) => witness)).toEqual([undefined, true, false]);
  fails = true;
  await node.resign(signal); // is given up
  await expect(node.send(signal)).rejects.toMatchObject({ code: 'overloaded' });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askForJob, type Explainer, explainJob, jobOfManifest } from '../../client/explain-job.ts';
import { ledgerFile } from '../../client/ledger-file.ts';
import { ledgerKey } from '../../client/ledger-key.ts';
import { PrivacyLedger } from '../../client/privacy-ledger.ts';
import { Secret } from '../../protocol/secret.ts';
import type { CostLimits, NodePolicy } from '../../schemas/node-policy.ts';
import { JOB, type JobShelf, jobShelf, statusOf } from '../fixtures/job-shelf.ts';
import { budgetFor } from '../fixtures/ledger-records.ts';
import { PRIVATE_MANIFEST } from '../fixtures/private-job.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';

let folder: string;
let shelf: JobShelf;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-explain-'));
  shelf = await jobShelf();
});
afterAll(() => rm(folder, { recursive: true }));

const explainer = (
  policy: NodePolicy,
  limits: CostLimits = {},
  more: Partial<Explainer> = {},
): Explainer => ({
  identityFile: join(folder, 'identity.json'),
  word: { policy, limits },
  isMeasurement: false,
  examples: async () => undefined,
  at: 0,
  ...more,
});

async function explained(node: Explainer) {
  const api = scriptedCoordinator(shelf.script);
  const { rules } = await explainJob(await askForJob(JOB, api), node);
  return { api, of: (rule: string) => rules.find((one) => one.rule === rule) };
}

test('a graph is fetched for its operators, compiled for its memory, and else left where it is', async () => {
  const plain = await explained(explainer({}));
  expect([plain.api.count('getBlob'), plain.of('operators')?.verdict]).toEqual([0, 'doesNotApply']);
  const listed = await explained(explainer({ operators: ['Gemm'] }));
  expect(listed.api.count('getBlob')).toBe(1);
  expect(listed.of('operators')).toMatchObject({ verdict: 'refused', permitted: 'Gemm', found: 'Relu' });
  const large = await explained(explainer({ operators: ['Gemm', 'Relu'] }, { memoryMegabytes: 1000 }));
  expect([large.of('operators')?.verdict, large.of('memoryMegabytes')?.verdict]).toEqual([
    'permitted',
    'permitted',
  ]);
  // Who measures compiles no train step.
  const measured = await explained(explainer({}, { memoryMegabytes: 1000 }, { isMeasurement: true }));
  expect([measured.api.count('getBlob'), measured.of('memoryMegabytes')?.verdict]).toEqual([
    0,
    'doesNotApply',
  ]);
});

test('a job that the node would decline before it asks its owner is told as that', async () => {
  const getJob = () => statusOf(shelf.manifest, '0'.repeat(64));
  const api = scriptedCoordinator({ ...shelf.script, getJob });
  await expect(askForJob(JOB, api)).rejects.toMatchObject({ code: 'hashMismatch' });
});

test('what the ledger has room for is told beside the rules', async () => {
  const job = await jobOfManifest(PRIVATE_MANIFEST);
  const ledger = async (more: Partial<Explainer>) =>
    (await explainJob(job, explainer({}, {}, more))).rules.find(({ rule }) => rule === 'ledger');
  expect(await ledger({})).toMatchObject({ verdict: 'refused', permitted: 'no budget is set' });
  expect(await ledger({ budgets: ['patients'] })).toMatchObject({ verdict: 'unknown' });
  const identity = {
    federationId: 'fed-0123456789abcdef',
    nodeId: '1'.repeat(32),
    seed: new Secret(new Uint8Array(32)),
  };
  const write = async (name: string, microEpsilon: number) => {
    const identityFile = join(folder, name);
    const key = await ledgerKey(identityFile, identity as never);
    const store = new PrivacyLedger({ store: ledgerFile(identityFile), key, clock: { now: () => 0 } });
    await store.setBudget(budgetFor({ unit: 'participant', microEpsilon }));
    return ledger({ identityFile });
  };
  expect(await write('rich.json', 1e9)).toMatchObject({ verdict: 'permitted' });
  expect(await write('poor.json', 1)).toMatchObject({
    verdict: 'refused',
    found: expect.stringContaining('budgetExceeded'),
  });
});

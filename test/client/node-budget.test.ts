import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveControl } from '../../client/control-socket.ts';
import { writeIdentity } from '../../client/identity.ts';
import { ledgerFile } from '../../client/ledger-file.ts';
import { ledgerKey } from '../../client/ledger-key.ts';
import { openNodeBudget } from '../../client/node-budget.ts';
import { PrivacyLedger } from '../../client/privacy-ledger.ts';
import { Secret } from '../../protocol/secret.ts';
import { hanse } from '../fixtures/command-line.ts';
import { budgetFor } from '../fixtures/ledger-records.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-node-budget-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const node = {
  server: 'http://127.0.0.1:8790',
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: 'ab'.repeat(32),
  nodeId: '7a'.repeat(16),
  organisationId: 'clinic-a',
  role: 'participant' as const,
  name: 'node',
  seed: new Secret(new Uint8Array(32).fill(9)),
};

async function nodeWithBudget(): Promise<string> {
  const file = join(folder, 'identity.json');
  await writeIdentity(file, node);
  const key = await ledgerKey(file, node);
  const ledger = new PrivacyLedger({ store: ledgerFile(file), key, clock: { now: () => 0 } });
  await ledger.setBudget(
    budgetFor({
      dataSet: 'visits.csv',
      unit: 'person',
      neighbouring: 'replace-special',
      microEpsilon: 2e6,
    }),
  );
  return file;
}

test('a node pays for questions until its budget is used up, and while it is asked it does not run', async () => {
  const identity = await nodeWithBudget();
  const data = join(folder, 'visits.csv');
  await writeFile(data, 'patient,age\nada,40\nbob,50\n');
  const ask = () =>
    hanse([
      ...['privacy', 'ask', '--data', data, '--person', 'patient', '--column', 'age', '--statistic', 'count'],
      ...['--epsilon', '1', '--identity', identity, '--json'],
    ]);
  const { budget, close } = await openNodeBudget(identity);
  expect(budget).toHaveProperty('reserve');
  expect((await ask()).json).toMatchObject({ problem: { code: 'identityInUse' } });
  await close();
  expect((await ask()).json).toMatchObject({ value: expect.any(Number), unit: 'person' });
  const answers = [await ask(), await ask(), await ask()].map(({ json }) => json);
  expect(answers.at(-1)).toMatchObject({ problem: { code: 'budgetExceeded' } });
  const { json } = await hanse(['privacy', 'ledger', '--identity', identity, '--verify', '--json']);
  expect(json).toMatchObject({ isVerified: true, dataSets: [{ dataSet: 'visits.csv', unit: 'person' }] });
});

test('nor is it asked while a node with the key that this one has replaced writes to the same ledger', async () => {
  const identity = await nodeWithBudget();
  const control = await serveControl(identity, async () => ({}));
  await expect(openNodeBudget(identity)).rejects.toMatchObject({ code: 'identityInUse' });
  await control.close();
  const { close } = await openNodeBudget(identity);
  await close();
});

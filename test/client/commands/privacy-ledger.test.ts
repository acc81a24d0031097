/** `hanse privacy ledger` on files that a node has written, that somebody has changed, and that are not there. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeIdentity } from '../../../client/identity.ts';
import { ledgerFile, ledgerPath } from '../../../client/ledger-file.ts';
import { ledgerKey } from '../../../client/ledger-key.ts';
import { PrivacyLedger } from '../../../client/privacy-ledger.ts';
import { Secret } from '../../../protocol/secret.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { budgetFor, reservationOf, useIdOf } from '../../fixtures/ledger-records.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-ledger-command-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ownerOf = (n: number) => ({
  server: 'http://127.0.0.1:8790',
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: 'ab'.repeat(32),
  nodeId: `${n}`.repeat(32),
  organisationId: 'clinic-a',
  role: 'participant' as const,
  name: 'node',
  seed: new Secret(new Uint8Array(32).fill(n)),
});

/** Two data sets, two jobs, three draws. */
async function written(name: string): Promise<string> {
  const file = join(folder, name);
  await writeIdentity(file, ownerOf(1));
  const ledger = new PrivacyLedger({
    store: ledgerFile(file),
    key: await ledgerKey(file, ownerOf(1)),
    clock: { now: () => Date.parse('2026-01-01T12:34:56.000Z') },
  });
  await ledger.setBudget(budgetFor());
  await ledger.setBudget(budgetFor({ dataSet: 'controls' }));
  await ledger.reserve(reservationOf(1, { author: 'clinic-b', purpose: 'sepsis' }));
  await ledger.reserve(reservationOf(2));
  for (const round of [1, 2]) await ledger.draw({ useId: useIdOf(1), round, attempt: 1 });
  await ledger.settle({ useId: useIdOf(1) });
  await ledger.draw({ useId: useIdOf(2), round: 1, attempt: 1 });
  return file;
}

test('shows who has spent what on which data, for what, and what is left', async () => {
  const file = await written('a.json');
  const { exitCode, out } = await hanse(['privacy', 'ledger', '--identity', file]);
  expect(exitCode).toBe(0);
  expect(out).toContain('8 records, lines follow on each other');
  expect(out).toContain('patients: epsilon 2 at delta 0.00001 for each example');
  expect(out).toMatch(/^ {2}█+▒+░+$/m);
  expect(out).toMatch(/^ {2}░{40}$/m);
  expect(out).toContain(`clinic-b  ${useIdOf(1)}  "job 1" for sepsis`);
  expect(out).toMatch(/by 2 draws, 10 rounds promised; 2026-01-01 12:34 to 2026-01-01 12:34, ended/);
  expect(out).toContain(`(author unknown)  ${useIdOf(2)}`);
  const { json } = await hanse(['privacy', 'ledger', '--identity', file, '--json']);
  expect(json).toMatchObject({
    isVerified: false,
    head: { count: 8 },
    dataSets: [
      {
        dataSet: 'patients',
        uses: [
          { useId: useIdOf(1), author: 'clinic-b', purpose: 'sepsis', draws: 2, isSettled: true },
          { useId: useIdOf(2), author: null, draws: 1, isSettled: false },
        ],
      },
      { dataSet: 'controls', epsilon: { budget: 2, spent: 0, spentAndReserved: 0, left: 2 }, uses: [] },
    ],
  });
  const [{ epsilon }] = (json as { dataSets: [{ epsilon: Record<string, number> }] }).dataSets;
  const { budget = 0, spent = 0, spentAndReserved = 0, left = 0 } = epsilon;
  expect(spent).toBeGreaterThan(0);
  expect(spentAndReserved).toBeGreaterThan(spent);
  expect(left).toBeCloseTo(budget - spentAndReserved, 9);
});

test('--verify checks each line with the key of the node', async () => {
  const file = await written('b.json');
  const verified = await hanse(['privacy', 'ledger', '--identity', file, '--verify', '--json']);
  expect(verified).toMatchObject({ exitCode: 0, json: { isVerified: true } });
  // A whole chain, but of somebody else: without the key it looks as good as any.
  const other = await written('c.json');
  await writeFile(ledgerPath(file), await readFile(ledgerPath(other)));
  expect((await hanse(['privacy', 'ledger', '--identity', file])).exitCode).toBe(0);
  const refused = await hanse(['privacy', 'ledger', '--identity', file, '--verify', '--json']);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.json).toMatchObject({ problem: { code: 'ledgerCorrupt', particulars: { line: 1 } } });
});

test('a line that was changed is found without a key', async () => {
  const file = await written('d.json');
  const text = await readFile(ledgerPath(file), 'utf8');
  await writeFile(ledgerPath(file), text.replace('"sepsis"', '"research"'));
  const { exitCode, json } = await hanse(['privacy', 'ledger', '--identity', file, '--json']);
  expect(exitCode).not.toBe(0);
  expect(json).toMatchObject({ problem: { code: 'ledgerCorrupt', particulars: { line: 4 } } });
});

test('a last line that is being written does not hinder, and nothing is cut off', async () => {
  const file = await written('e.json');
  const text = await readFile(ledgerPath(file), 'utf8');
  await writeFile(ledgerPath(file), `${text}{"num`);
  const { exitCode, err } = await hanse(['privacy', 'ledger', '--identity', file]);
  expect(exitCode).toBe(0);
  expect(err).toContain('5 bytes at its end');
  expect(await readFile(ledgerPath(file), 'utf8')).toBe(`${text}{"num`);
});

test('a node without a budget has no ledger', async () => {
  const file = join(folder, 'none.json');
  await writeIdentity(file, ownerOf(1));
  for (const more of [[], ['--verify']]) {
    const { exitCode, out } = await hanse(['privacy', 'ledger', '--identity', file, ...more]);
    expect(exitCode).toBe(0);
    expect(out).toContain('no ledger');
  }
  // A mistyped name is not such a node.
  const missing = await hanse(['privacy', 'ledger', '--identity', join(folder, 'nobody.json'), '--json']);
  expect(missing).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityUnreadable' } } });
});

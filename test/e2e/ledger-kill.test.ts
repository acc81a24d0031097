/**
 * What a privacy ledger has acknowledged survives `kill -9`: no draw is lost or counted twice, what is spent never becomes
 * less, and the budget is never exceeded, however often the process is killed while jobs draw at the same time.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ledgerFile, ledgerPath } from '../../client/ledger-file.ts';
import { openLedger } from '../../client/privacy-ledger.ts';
import { Secret } from '../../protocol/secret.ts';
import type { LedgerLine } from '../../schemas/privacy-ledger.ts';

const script = fileURLToPath(new URL('ledger-child.mjs', import.meta.url));
const isBuilt = existsSync(new URL('../../dist/client/privacy-ledger.js', import.meta.url));
const KEY = new Secret(new Uint8Array(32).fill(7));
const LIVES = 14;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-ledger-kill-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Kills it after so many lines, and gives all that it ever printed. */
async function live(identity: string, life: number, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, identity, `${life}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const printed: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    printed.push(line);
    if (printed.length === lines) child.kill('SIGKILL');
  }
  expect(printed.length).toBeGreaterThanOrEqual(lines);
  return printed;
}

/** What does not hold of the ledger, given everything that was acknowledged; and what is spent. */
async function judge(identity: string, printed: readonly string[]) {
  const { ledger } = await openLedger(ledgerFile(identity), KEY);
  const faults: string[] = [];
  const [balance] = ledger.balances();
  const { spent = 0, budget = 0, spentAndReserved = 0 } = balance ?? {};
  if (spentAndReserved > budget) faults.push('more is spent and reserved than there is');
  for (const line of printed) {
    const [word, id = '', round = ''] = line.split(' ');
    if (word === 'reserved' && !ledger.reservationOf(id)) faults.push(`lost: ${line}`);
    if (word === 'drawn' && !ledger.hasDrawn(id, Number(round), 1)) faults.push(`lost: ${line}`);
  }
  const lines = (await readFile(ledgerPath(identity), 'utf8')).split('\n').slice(0, -1);
  const facts = lines.map((text) => {
    const { record } = JSON.parse(text) as LedgerLine;
    const { at: _, ...fact } = record;
    return JSON.stringify(fact);
  });
  if (new Set(facts).size !== facts.length) faults.push('a fact stands there twice');
  return { faults, spent };
}

describe.skipIf(!isBuilt)('killed at any moment (needs the build: npm test makes it)', () => {
  test('all that was acknowledged is there once, and within the budget', async () => {
    const identity = join(folder, 'identity.json');
    const printed: string[] = [];
    let before = 0;
    for (let life = 1; life <= LIVES; life += 1) {
      printed.push(...(await live(identity, life, 1 + ((life * 7) % 40))));
      const { faults, spent } = await judge(identity, printed);
      expect(faults).toEqual([]);
      expect(spent).toBeGreaterThanOrEqual(before);
      before = spent;
      // Now and then as the kernel leaves it where the machine dies: a part of a line.
      if (life % 5 === 0) await appendFile(ledgerPath(identity), '{"number":');
    }
    expect(printed.filter((line) => line.startsWith('torn')).length).toBeGreaterThan(1);
    expect(printed.filter((line) => line.startsWith('drawn')).length).toBeGreaterThan(20);
    expect(printed.filter((line) => line.startsWith('refused budgetExceeded')).length).toBeGreaterThan(0);
    expect(before).toBeGreaterThan(0);
    // The judge is not blind.
    const { faults } = await judge(identity, [
      'reserved job-00000000deadbeef',
      'drawn job-00000000deadbeef 1',
    ]);
    expect(faults).toHaveLength(2);
    const text = await readFile(ledgerPath(identity), 'utf8');
    await writeFile(ledgerPath(identity), text.replace('"round":1', '"round":9'));
    await expect(judge(identity, [])).rejects.toMatchObject({ code: 'ledgerCorrupt' });
  });
});

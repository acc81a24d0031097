// covers: client/ledger-file.ts, protocol/dp/ledger-chain.ts
/** The ledger of a node on disk: what is acknowledged stays, what was changed is found, what was half written is cut off. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ledgerFile, ledgerPath } from '../../client/ledger-file.ts';
import { type LedgerStore, openLedger, PrivacyLedger } from '../../client/privacy-ledger.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { EMPTY_HEAD } from '../../protocol/dp/ledger-chain.ts';
import { HanseError } from '../../protocol/problem.ts';
import { Secret } from '../../protocol/secret.ts';
import { budgetFor, reservationOf, useIdOf } from '../fixtures/ledger-records.ts';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-ledger-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const KEY = new Secret(new Uint8Array(32).fill(7));
const OTHER_KEY = new Secret(new Uint8Array(32).fill(8));
const clock = { now: () => Date.parse('2026-01-01T00:00:00.000Z') };

function fresh(): string {
  files += 1;
  return join(folder, `${files}.json`);
}

function ledgerAt(identity: string, key = KEY, torn: number[] = []): PrivacyLedger {
  return new PrivacyLedger({ store: ledgerFile(identity), key, clock, onTorn: (bytes) => torn.push(bytes) });
}

/** A budget, two jobs, three draws: six lines. */
async function written(identity = fresh(), key = KEY): Promise<string> {
  const ledger = ledgerAt(identity, key);
  await ledger.setBudget(budgetFor());
  await ledger.reserve(reservationOf(1));
  await ledger.draw({ useId: useIdOf(1), round: 1, attempt: 1 });
  await ledger.reserve(reservationOf(2, { purpose: 'Größe "of" \n'.trim() }));
  await ledger.draw({ useId: useIdOf(2), round: 1, attempt: 1 });
  await ledger.draw({ useId: useIdOf(1), round: 2, attempt: 1 });
  return identity;
}

const balancesAt = async (identity: string) => (await ledgerAt(identity).view()).balances();

test('what was written is read by whoever opens the file next', async () => {
  const identity = await written();
  const ledger = ledgerAt(identity);
  const view = await ledger.view();
  expect(view.uses()).toMatchObject([
    { useId: useIdOf(1), draws: 2 },
    { useId: useIdOf(2), draws: 1 },
  ]);
  expect((await ledger.head()).count).toBe(6);
  expect((await stat(ledgerPath(identity))).mode & 0o777).toBe(0o600);
  expect((await readFile(ledgerPath(identity), 'utf8')).trimEnd().split('\n')).toHaveLength(6);
});

test('nothing is written for what is refused, or known', async () => {
  const identity = await written();
  const before = await readFile(ledgerPath(identity), 'utf8');
  const ledger = ledgerAt(identity);
  expect(await ledger.setBudget(budgetFor())).toBe(false);
  expect(await ledger.reserve(reservationOf(1))).toBe(false);
  expect(await ledger.draw({ useId: useIdOf(1), round: 2, attempt: 1 })).toBe(false);
  await expect(ledger.reserve(reservationOf(3, { rounds: 1000 }))).rejects.toMatchObject({
    code: 'budgetExceeded',
  });
  await expect(ledger.draw({ useId: useIdOf(9), round: 1, attempt: 1 })).rejects.toMatchObject({
    code: 'reservationMissing',
  });
  expect(await readFile(ledgerPath(identity), 'utf8')).toBe(before);
  expect(await ledger.settle({ useId: useIdOf(1) })).toBe(true);
  expect(await readFile(ledgerPath(identity), 'utf8')).not.toBe(before);
});

test('jobs that ask at the same moment get no more than the budget between them', async () => {
  const identity = fresh();
  const ledger = ledgerAt(identity);
  await ledger.setBudget(budgetFor({ microEpsilon: 1_000_000 }));
  const asked = await Promise.allSettled(
    Array.from({ length: 40 }, (_, n) => ledger.reserve(reservationOf(n))),
  );
  const kept = asked.filter(({ status }) => status === 'fulfilled').length;
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThan(40);
  for (const one of asked)
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'budgetExceeded' });
  const draws = await Promise.all(
    Array.from({ length: 20 }, () => ledger.draw({ useId: useIdOf(0), round: 1, attempt: 1 })),
  );
  expect(draws.filter(Boolean)).toHaveLength(1);
  const [balance] = await balancesAt(identity);
  expect(balance?.spentAndReserved).toBeLessThanOrEqual(1_000_000);
  expect((await ledgerAt(identity).view()).uses()).toHaveLength(kept);
});

describe('a last line without its end', () => {
  test('is cut off wherever it was broken off, and told', async () => {
    const whole = await readFile(ledgerPath(await written()), 'utf8');
    const lastLine = whole.lastIndexOf('\n', whole.length - 2) + 1;
    const identity = fresh();
    for (const end of [lastLine + 1, lastLine + 40, whole.length - 2, whole.length - 1]) {
      await writeFile(ledgerPath(identity), whole.slice(0, end));
      const torn: number[] = [];
      const ledger = ledgerAt(identity, KEY, torn);
      expect((await ledger.head()).count).toBe(5);
      expect(torn).toEqual([utf8(whole.slice(lastLine, end)).length]);
      expect(await readFile(ledgerPath(identity), 'utf8')).toBe(whole.slice(0, lastLine));
      expect(await ledger.draw({ useId: useIdOf(1), round: 2, attempt: 1 })).toBe(true);
      expect((await ledgerAt(identity).head()).count).toBe(6);
    }
  });

  test('is nothing that a whole file has', async () => {
    const torn: number[] = [];
    expect((await ledgerAt(await written(), KEY, torn).head()).count).toBe(6);
    expect(torn).toEqual([]);
  });
});

describe('a file that is not as the node has written it', () => {
  test.each<[what: string, line: number, damage: (lines: string[]) => string[]]>([
    ['a figure changed', 3, (lines) => edited(lines, 2, '"round":1', '"round":7')],
    ['the budget raised', 1, (lines) => edited(lines, 0, '2000000', '9000000')],
    ['a mark changed', 5, (lines) => edited(lines, 4, '"mac":"', '"mac":"0').map(shortened)],
    ['two lines exchanged', 3, ([a, b, c, d, ...rest]) => [a, b, d, c, ...rest] as string[]],
    ['a line left out', 4, (lines) => lines.filter((_, at) => at !== 3)],
    ['the first line left out', 1, (lines) => lines.slice(1)],
    ['a line twice', 4, ([a, b, c, ...rest]) => [a, b, c, c, ...rest] as string[]],
    ['a line that is no JSON', 2, (lines) => edited(lines, 1, '{', '')],
    ['an empty line', 3, ([a, b, ...rest]) => [a, b, '', ...rest] as string[]],
    ['a line with another field', 6, (lines) => edited(lines, 5, '{"number"', '{"extra":1,"number"')],
  ])('%s', async (_what, line, damage) => {
    const identity = await written();
    const path = ledgerPath(identity);
    const text = await readFile(path, 'utf8');
    expect((await ledgerAt(identity).head()).count).toBe(6);
    const damaged = `${damage(text.trimEnd().split('\n')).join('\n')}\n`;
    expect(damaged).not.toBe(text);
    await writeFile(path, damaged);
    const ledger = ledgerAt(identity);
    const corrupt = { code: 'ledgerCorrupt', detail: expect.objectContaining({ file: path, line }) };
    await expect(ledger.view()).rejects.toMatchObject(corrupt);
    await expect(ledger.draw({ useId: useIdOf(1), round: 3, attempt: 1 })).rejects.toMatchObject(corrupt);
    expect(await readFile(path, 'utf8')).toBe(damaged);
    await writeFile(path, text);
    expect(await ledger.draw({ useId: useIdOf(1), round: 3, attempt: 1 })).toBe(true);
  });

  test('that of another node', async () => {
    const identity = await written(fresh(), OTHER_KEY);
    await expect(ledgerAt(identity).view()).rejects.toMatchObject({
      code: 'ledgerCorrupt',
      detail: { line: 1, reason: 'this node has not written it so' },
    });
    expect((await openLedger(ledgerFile(identity), undefined)).head.count).toBe(6);
    expect((await openLedger(ledgerFile(identity), OTHER_KEY)).head.count).toBe(6);
  });

  test('lines with the marks of the node that cannot follow on each other', async () => {
    const identity = fresh();
    const store = ledgerFile(identity);
    const { sealRecord } = await import('../../protocol/dp/ledger-chain.ts');
    const { primitives } = await import('../../protocol/primitives/node.ts');
    const record = {
      type: 'draw',
      at: '2026-01-01T00:00:00.000Z',
      useId: useIdOf(1),
      round: 1,
      attempt: 1,
    } as const;
    const { line } = await sealRecord(record, EMPTY_HEAD, KEY, primitives);
    await store.append(`${JSON.stringify(line)}\n`);
    await expect(ledgerAt(identity).view()).rejects.toMatchObject({
      code: 'ledgerCorrupt',
      detail: { line: 1 },
    });
  });
});

describe('a disk that fails', () => {
  /** As that of a file, but told to fail with so much of what it was given. */
  function failing(identity: string): { store: LedgerStore; fail: { part?: number } } {
    const beneath = ledgerFile(identity);
    const fail: { part?: number } = {};
    const store: LedgerStore = {
      ...beneath,
      append: async (lines) => {
        if (fail.part === undefined) return beneath.append(lines);
        await beneath.append(lines.slice(0, Math.floor(lines.length * fail.part)));
        throw new HanseError('storageFull', { path: beneath.name });
      },
    };
    return { store, fail };
  }

  test.each([0, 0.4, 1])(
    'with a part of %d of the line written: refused, and cut off before it goes on',
    async (part) => {
      const identity = await written();
      const { store, fail } = failing(identity);
      const ledger = new PrivacyLedger({ store, key: KEY, clock });
      await ledger.view();
      fail.part = part;
      const draw = { useId: useIdOf(1), round: 3, attempt: 1 };
      await expect(ledger.draw(draw)).rejects.toMatchObject({ code: 'storageFull' });
      delete fail.part;
      expect(await ledger.draw(draw)).toBe(true);
      expect((await ledgerAt(identity).head()).count).toBe(7);
    },
  );
});

function edited(lines: readonly string[], at: number, from: string, to: string): string[] {
  expect(lines[at]).toContain(from);
  return lines.map((line, i) => (i === at ? line.replace(from, to) : line));
}

/** A mark that was made a digit longer loses its last one. */
function shortened(line: string): string {
  return line.replace(/([0-9a-f]{64})[0-9a-f]"}$/, '$1"}');
}

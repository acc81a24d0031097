// covers: client/set-budgets.ts
import { expect, test } from 'vitest';
import { openLedger } from '../../../client/privacy-ledger.ts';
import { tabLedgerStore, tabPrivacyGuard } from '../../../client/web/tab-ledger.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import type { DataBudget } from '../../../schemas/node-config.ts';
import { memoryTabStore } from '../../fixtures/memory-tab-store.ts';
import { clouds } from '../../fixtures/small-job.ts';

const BUDGET: DataBudget = { epsilon: 8, delta: 1e-6 };

const guardOf = (store = memoryTabStore(), budget: DataBudget | undefined = BUDGET) =>
  tabPrivacyGuard({
    store,
    clock: systemClock,
    dataSets: [{ examples: clouds(12), version: '1', allowSingleClass: false, ...(budget && { budget }) }],
    directory: () => undefined,
  });

test('lines are read in the order in which they were written, and cut where a writing was not whole', async () => {
  const lines = tabLedgerStore(memoryTabStore());
  expect(await lines.read()).toBe('');
  let text = '';
  for (let i = 0; i < 12; i += 1) {
    await lines.append(`line ${i}\n`);
    text += `line ${i}\n`;
  }
  expect(await lines.read()).toBe(text);
  await lines.cut(14);
  expect(await lines.read()).toBe('line 0\nline 1\n');
  await lines.append('line 2\n');
  expect(await lines.read()).toBe('line 0\nline 1\nline 2\n');
});

test('what a budget has been is there after a reload, and the same budget is no news', async () => {
  const store = memoryTabStore();
  await guardOf(store);
  const before = await tabLedgerStore(store).read();
  await guardOf(store);
  expect(await tabLedgerStore(store).read()).toBe(before);
  const { ledger } = await openLedger(tabLedgerStore(store), undefined);
  expect(ledger.balances()).toMatchObject([{ unit: 'example', budget: 8e6, spent: 0 }]);
  await expect(guardOf(store, { ...BUDGET, unit: 'person' })).rejects.toMatchObject({
    code: 'neighbouringMismatch',
  });
});

test('a line that somebody has changed, or a key that is another, is told, and nothing is spent', async () => {
  const changed = memoryTabStore();
  await guardOf(changed);
  await expect(guardOf(changed)).resolves.toBeDefined();
  const [name = ''] = await changed.names('ledger/');
  const record = (await changed.read(name)) as { value: string };
  await changed.write(name, { ...record, value: record.value.replace('8000000', '9000000') });
  await expect(guardOf(changed)).rejects.toMatchObject({ code: 'ledgerCorrupt' });
  const keyless = memoryTabStore();
  await guardOf(keyless);
  await keyless.remove(['ledgerKey']);
  await expect(guardOf(keyless)).rejects.toMatchObject({ code: 'ledgerCorrupt' });
});

test('without a budget nothing is written', async () => {
  const store = memoryTabStore();
  await tabPrivacyGuard({
    store,
    clock: systemClock,
    dataSets: [{ examples: clouds(12), version: '1', allowSingleClass: false }],
    directory: () => undefined,
  });
  expect(await store.names('')).toEqual([]);
});

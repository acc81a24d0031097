// covers: client/set-budgets.ts, client/web/sealed-secret.ts
import { expect, test } from 'vitest';
import { openLedger } from '../../../client/privacy-ledger.ts';
import type { SealedSecret } from '../../../client/web/sealed-secret.ts';
import { openTabLedger, tabLedgerStore, tabPrivacyGuard } from '../../../client/web/tab-ledger.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import type { DataBudget } from '../../../schemas/node-config.ts';
import { budgetFor, reservationOf, useIdOf } from '../../fixtures/ledger-records.ts';
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
});

test('a data set that has had a budget keeps its unit, and its new budget counts', async () => {
  const store = memoryTabStore();
  await guardOf(store, { ...BUDGET, unit: 'person' });
  await expect(guardOf(store, { epsilon: 9, delta: 1e-6, unit: 'example' })).resolves.toBeDefined();
  const { ledger } = await openLedger(tabLedgerStore(store), undefined);
  expect(ledger.balances()).toMatchObject([{ unit: 'person', budget: 9e6 }]);
});

test('of two writers the one that comes later writes nothing, and cuts nothing off', async () => {
  const store = memoryTabStore();
  const [first, second] = [await openTabLedger(store, systemClock), await openTabLedger(store, systemClock)];
  await first.setBudget(budgetFor());
  expect((await second.head()).count).toBe(1);
  await first.reserve(reservationOf(1));
  for (let i = 0; i < 2; i += 1)
    await expect(second.reserve(reservationOf(2))).rejects.toMatchObject({ code: 'identityInUse' });
  await first.draw({ useId: useIdOf(1), round: 1, attempt: 1 });
  const { ledger } = await openLedger(tabLedgerStore(store), undefined);
  expect(ledger.uses()).toMatchObject([{ useId: useIdOf(1), draws: 1 }]);
});

test('a reload that gathers the lines into one record frees no number for a writer from before', async () => {
  const store = memoryTabStore();
  const before = await openTabLedger(store, systemClock);
  await before.setBudget(budgetFor());
  await before.reserve(reservationOf(1));
  const after = await openTabLedger(store, systemClock);
  expect((await after.view()).uses()).toHaveLength(1);
  expect(await store.names('ledger/')).toHaveLength(1);
  await after.draw({ useId: useIdOf(1), round: 1, attempt: 1 });
  await expect(before.draw({ useId: useIdOf(1), round: 1, attempt: 1 })).rejects.toMatchObject({
    code: 'identityInUse',
  });
  await after.draw({ useId: useIdOf(1), round: 2, attempt: 1 });
});

test('what was drawn is there after a reload, and a writing that failed was none', async () => {
  const store = memoryTabStore();
  const ledger = await openTabLedger(store, systemClock);
  await ledger.setBudget(budgetFor());
  await ledger.reserve(reservationOf(1));
  store.failing = new DOMException('no room', 'QuotaExceededError');
  const draw = { useId: useIdOf(1), round: 1, attempt: 1 };
  await expect(ledger.draw(draw)).rejects.toMatchObject({ code: 'browserStorageFull' });
  store.failing = undefined;
  expect((await (await openTabLedger(store, systemClock)).view()).uses()).toMatchObject([{ draws: 0 }]);
  expect(await ledger.draw(draw)).toBe(true);
  expect(await (await openTabLedger(store, systemClock)).draw(draw)).toBe(false);
});

test('the key of the ledger is stored sealed, under a key that nobody can read', async () => {
  const store = memoryTabStore();
  await guardOf(store);
  const record = (await store.read('ledgerKey')) as SealedSecret;
  expect(record.sealingKey.extractable).toBe(false);
  const altered = { ...record, sealed: record.sealed.map((byte) => byte ^ 1) };
  for (const other of [altered, { ...record, sealed: new Uint8Array(32) }]) {
    await store.write('ledgerKey', other);
    await expect(guardOf(store)).rejects.toMatchObject({ code: 'storageCorrupt' });
  }
  await store.write('ledgerKey', record);
  await expect(guardOf(store)).resolves.toBeDefined();
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

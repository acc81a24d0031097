import { expect, test } from 'vitest';
import { readBudgetState } from '../../../client/web/budget-state.ts';
import { openTabLedger } from '../../../client/web/tab-ledger.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { budgetFor, reservationOf, useIdOf } from '../../fixtures/ledger-records.ts';
import { memoryTabStore } from '../../fixtures/memory-tab-store.ts';

test('says what earlier visits have spent, and what neither they nor jobs that go on have taken', async () => {
  const store = memoryTabStore();
  expect(await readBudgetState(store, 'patients')).toBeUndefined();
  expect(store.records.size).toBe(0);
  const ledger = await openTabLedger(store, systemClock);
  await ledger.setBudget(budgetFor());
  const whole = { unit: 'example', epsilon: 2, delta: 1e-5, spent: 0, left: 2 };
  expect(await readBudgetState(store, 'patients')).toEqual(whole);
  expect(await readBudgetState(store, 'other data')).toBeUndefined();

  await ledger.reserve(reservationOf(1));
  const reserved = await readBudgetState(store, 'patients');
  expect(reserved).toMatchObject({ spent: 0, left: expect.any(Number) });
  expect(reserved?.left).toBeLessThan(2);
  await ledger.draw({ useId: useIdOf(1), round: 1, attempt: 1 });
  const drawn = await readBudgetState(store, 'patients');
  expect(drawn?.left).toBe(reserved?.left);
  expect(drawn?.spent).toBeGreaterThan(0);
  await ledger.settle({ useId: useIdOf(1) });
  const settled = await readBudgetState(store, 'patients');
  expect(settled?.spent).toBe(drawn?.spent);
  expect(settled?.left).toBeCloseTo(2 - (drawn?.spent ?? 0), 9);

  const [name = ''] = await store.names('ledger/');
  await store.write(name, { version: 1, value: 'no line\n' });
  expect(await readBudgetState(store, 'patients')).toBeUndefined();
});

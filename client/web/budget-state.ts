/**
 * What the privacy ledger of a tab says of the data that its person has chosen, for the page: figures that are read, and never
 * relied on.
 */
import type { Ledger } from '../../protocol/dp/ledger.ts';
import { isProblem } from '../../protocol/problem.ts';
import { openLedger } from '../privacy-ledger.ts';
import type { BudgetState } from './consent.ts';
import { tabLedgerStore } from './tab-ledger.ts';
import type { TabStore } from './tab-store.ts';

/** Undefined where the data set has never had a budget. */
export function budgetState(ledger: Pick<Ledger, 'balances'>, dataSet: string): BudgetState | undefined {
  const balance = ledger.balances().find((one) => one.dataSet === dataSet);
  if (!balance) return undefined;
  const { unit, delta, budget, spent, spentAndReserved } = balance;
  const left = Math.max(0, budget - spentAndReserved);
  return { unit, delta, epsilon: budget / 1e6, spent: spent / 1e6, left: left / 1e6 };
}

/**
 * As `budgetState`, of what earlier visits have left; nothing is written. Of a ledger that was changed nothing is said here:
 * whoever takes part with it is told.
 * @throws what the store throws
 */
export async function readBudgetState(store: TabStore, dataSet: string): Promise<BudgetState | undefined> {
  try {
    const { ledger } = await openLedger(tabLedgerStore(store), undefined);
    return budgetState(ledger, dataSet);
  } catch (error) {
    if (isProblem(error, 'ledgerCorrupt') || isProblem(error, 'storageCorrupt')) return undefined;
    throw error;
  }
}

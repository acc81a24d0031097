/**
 * Tells the coordinator of data sets that have a new version: SPEC.md 6.7. What it cannot be told now is told another time.
 */
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { WithdrawalJournal } from './data/withdrawal-journal.ts';

/**
 * @returns how many it was told, and why not of the others, if there are any
 * @throws `interrupted`; what the journal throws
 */
export async function tellWithdrawals(
  api: CoordinatorApi,
  journal: Pick<WithdrawalJournal, 'untold' | 'told'>,
  signal?: AbortSignal,
): Promise<{ readonly told: number; readonly failure?: HanseError }> {
  let told = 0;
  for (const change of await journal.untold()) {
    try {
      await api.call('changeDataSet', { body: change }, signal ? { signal } : {});
    } catch (error) {
      if (!(error instanceof HanseError) || isProblem(error, 'interrupted')) throw error;
      return { told, failure: error };
    }
    await journal.told(change);
    told += 1;
  }
  return { told };
}

/**
 * The data sets of a node, and which of them a job is trained on: the first whose shapes and types it takes.
 */
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { DataTerms } from '../../schemas/data-terms.ts';
import type { DataBudget } from '../../schemas/node-config.ts';
import type { Examples } from './examples.ts';

export interface DataSet {
  readonly examples: Examples;
  /** Changes whenever the rows do. */
  readonly version: string;
  /** Take part although all labels are the same. */
  readonly allowSingleClass: boolean;
  /** As its owner has declared them; absent: nobody has. */
  readonly terms?: DataTerms;
  /** Of its owner; absent: it has none. */
  readonly budget?: DataBudget;
}

/**
 * @param check as `checkExamples` of a prepared job; called in order until it does not throw `dataShapeMismatch`, nor that the
 *   set may be used no more
 * @returns the first that fits
 * @throws what `check` throws; if none fits, that the first such set may not be used, or else `dataShapeMismatch` of the first set;
 *   `dataEmpty` without any
 */
export async function fittingDataSet(
  dataSets: readonly DataSet[],
  check: (set: DataSet) => Promise<void> | void,
): Promise<DataSet> {
  let [barred, first]: unknown[] = [];
  for (const set of dataSets) {
    try {
      await check(set);
      return set;
    } catch (error) {
      if (isProblem(error, 'dataRetentionPassed') || isProblem(error, 'dataWithdrawn')) barred ??= error;
      else if (isProblem(error, 'dataShapeMismatch')) first ??= error;
      else throw error;
    }
  }
  throw barred ?? first ?? new HanseError('dataEmpty', { source: 'this node' });
}

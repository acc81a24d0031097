/**
 * The data sets of a node, and which of them a job is trained on: the first whose shapes and types it takes.
 */
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { DataBudget } from '../../schemas/node-config.ts';
import type { Examples } from './examples.ts';

export interface DataSet {
  readonly examples: Examples;
  /** Changes whenever the rows do. */
  readonly version: string;
  /** Take part although all labels are the same. */
  readonly allowSingleClass: boolean;
  /** Of its owner; absent: it has none. */
  readonly budget?: DataBudget;
}

/**
 * @param check as `checkExamples` of a prepared job; called in order until it does not throw `dataShapeMismatch`
 * @returns the first that fits
 * @throws what `check` throws; `dataShapeMismatch` of the first set if none fits; `dataEmpty` without any
 */
export function fittingDataSet(dataSets: readonly DataSet[], check: (set: DataSet) => void): DataSet {
  let first: unknown;
  for (const set of dataSets) {
    try {
      check(set);
      return set;
    } catch (error) {
      if (!isProblem(error, 'dataShapeMismatch')) throw error;
      first ??= error;
    }
  }
  throw first ?? new HanseError('dataEmpty', { source: 'this node' });
}

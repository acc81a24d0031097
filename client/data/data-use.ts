/**
 * Whether a data set may be used now: until the end of its retention, and not after rows of it were withdrawn. SPEC.md 6.6.
 * Asked before anything of it is looked at, and again before each contribution.
 */
import type { Clock } from '../../protocol/clock.ts';
import { retentionEnd } from '../../protocol/compliance/retention-period.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { DataSet } from './data-set.ts';

/** Versions of data sets that were replaced, for rows of them were withdrawn. */
export interface Withdrawals {
  /** As of now: another process may have replaced one. */
  isReplaced(name: string, version: string): Promise<boolean>;
}

/** What is loaded may be used no more. Throws `dataRetentionPassed`, `dataWithdrawn`; what `withdrawals` throws. */
export async function requireUsable(
  { examples: { name }, version, terms }: DataSet,
  clock: Pick<Clock, 'now'>,
  withdrawals: Withdrawals | undefined,
): Promise<void> {
  const end = terms === undefined ? Number.POSITIVE_INFINITY : retentionEnd(terms.retention);
  // A day that does not exist is refused where terms are read: what came here otherwise is used by nobody.
  if (end === undefined || clock.now() >= end)
    throw new HanseError('dataRetentionPassed', { source: name, retention: terms?.retention ?? '' });
  if (await withdrawals?.isReplaced(name, version))
    throw new HanseError('dataWithdrawn', { source: name, version });
}

/**
 * That a signed record is the one of this round of this job, under the terms of its manifest. SPEC.md 11.8.
 *
 * A record may be sound by itself and yet be that of another round, or of one with a lower threshold than the job has
 * promised: it is compared with what the reader knows of the job.
 */
import type { SignedRecord, SuiteId } from '../../schemas/secagg.ts';
import type { Primitives } from '../primitives.ts';
import { HanseError, isProblem } from '../problem.ts';
import { checkDescriptor, type RoundTerms } from './descriptor.ts';
import { type CheckedRecord, checkRecord } from './record.ts';
import { SUITE_IDS } from './suite.ts';

/** Whatever was permitted to those who took part. */
const ANY: { readonly suites: readonly SuiteId[]; readonly allowsSparse: boolean } = {
  suites: SUITE_IDS,
  allowsSparse: true,
};

/**
 * @param signed attacker-controlled, of its schema
 * @param terms `coordinatorKey` pinned; `model` that the round has started from
 * @throws `recordInvalid`
 */
export async function checkRecordOf(
  primitives: Primitives,
  signed: SignedRecord,
  terms: RoundTerms,
): Promise<CheckedRecord> {
  const isCentral = terms.manifest.privacy?.centralNoise !== undefined;
  const checked = await checkRecord(primitives, signed, terms.coordinatorKey, isCentral);
  try {
    await checkDescriptor(primitives, signed.record.descriptor, terms, ANY);
  } catch (error) {
    if (!isProblem(error)) throw error;
    const reason = `its round ran under other terms than those of the job: ${error.message}`;
    throw new HanseError('recordInvalid', { reason }, { cause: error });
  }
  return checked;
}

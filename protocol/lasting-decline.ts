/**
 * Why a node is not drawn again for a job. SPEC.md section 8.2.
 *
 * A node that declines because of what it has, or of what its owner wants, would decline the next attempt as well: to
 * draw it again would use up the attempts of a job within a second. What depends on the round - the cohort, the model,
 * the hour, the load of the machine - is no such reason.
 */
import type { ProblemCode } from './problem.ts';

const LASTING: ReadonlySet<string> = new Set<ProblemCode>([
  'budgetExceeded',
  'budgetMissing',
  'columnOfNames',
  'columnUnknown',
  'dataEmpty',
  'dataFileMissing',
  'dataMalformed',
  'dataRetentionPassed',
  'dataShapeMismatch',
  'dataSingleClass',
  'dataWithdrawn',
  'dataWithoutPersons',
  'graphFileRefused',
  'graphHashMismatch',
  'graphMalformed',
  'graphTooLarge',
  'gradientUnsupported',
  'ledgerCorrupt',
  'ledgerForked',
  'neighbouringMismatch',
  'operatorUnsupported',
  'perExampleUnsupported',
  'policyRefused',
  'ringOverflow',
]);

/** Speak about the organisations of one cohort: the next one has others. */
const OF_THE_COHORT: ReadonlySet<string> = new Set([
  'policyRefused:minimumKnownOrganisations',
  'policyRefused:excludedOrganisations',
]);

/**
 * Whether the next attempt at the job would be declined for the same reason, as far as the code tells.
 * @param code as events have it: a problem code, with the rule behind a colon where it is `policyRefused` (6.5)
 */
export function isLastingDecline(code: string): boolean {
  if (OF_THE_COHORT.has(code)) return false;
  return LASTING.has(code.startsWith('policyRefused:') ? 'policyRefused' : code);
}

/**
 * What a log says that its jobs have reserved and spent of privacy, against what its rounds say and what manifests come to:
 * SPEC.md 13.12. Pure.
 */
import type { AuditData, AuditEvent } from '../../schemas/audit-event.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { HanseError } from '../problem.ts';
import type { Findings } from './findings.ts';
import { jobEpsilon } from './job-epsilon.ts';
import { typeOf } from './leaf.ts';
import { isLoggedEpsilon } from './logged-epsilon.ts';
import type { LoggedJob } from './logged-job.ts';

/** Takes what stands in the stream of the privacy of this job. @throws leafContradicts */
export function takePrivacy(leaf: number, event: AuditEvent, { privacy, attempts }: LoggedJob): void {
  if (typeOf(event) === 'privacy.reserved') {
    if (privacy.reserved) throw contradicts('it is reserved twice');
    if (attempts.size > 0) throw contradicts('it is reserved after the first round was opened');
    privacy.reserved = { ...(event.data as AuditData<'privacy.reserved'>), leaf };
    return;
  }
  const spent = event.data as AuditData<'privacy.spent'>;
  const attempt = attempts.get(`${spent.round}/${spent.attempt}`);
  if (!privacy.reserved) throw contradicts('it is spent, and was not reserved');
  if (!attempt?.isOpened) throw contradicts('it is spent by an attempt whose sum was not opened');
  if (attempt.isSpent) throw contradicts('it is spent by this attempt twice');
  attempt.isSpent = true;
  privacy.spent.push({ ...spent, leaf });
  if (spent.opened !== privacy.opened)
    throw contradicts(`of ${spent.opened} opened attempts, and there were ${privacy.opened}`);
}

/** When all entries were read: each opened attempt of a job that has reserved has spent. */
export function endPrivacy({ jobId, privacy, attempts }: LoggedJob, findings: Findings): void {
  if (!privacy.reserved) return;
  for (const { isOpened, isSpent, round, attempt, leaf } of attempts.values())
    if (isOpened && !isSpent)
      findings.add(
        mismatch(jobId, `attempt ${round}/${attempt} was opened, and no entry says what it spent`),
        leaf,
      );
}

/** Takes down what is not as the manifest has it. */
export function auditPrivacy(
  { jobId, leaf, privacy }: LoggedJob,
  manifest: JobManifest,
  findings: Findings,
): void {
  const promise = jobEpsilon(manifest);
  const { reserved, spent, isDue, opened } = privacy;
  if (!promise) {
    if (reserved) findings.add(mismatch(jobId, 'it is reserved, and nothing is promised'), reserved.leaf);
    return;
  }
  const { unit, delta, mechanism, promised, stated, after } = promise;
  if (!reserved && isDue) findings.add(mismatch(jobId, 'something is promised, and nothing reserved'), leaf);
  if (reserved) {
    const isOf = reserved.unit === unit && reserved.delta === delta && reserved.mechanism === mechanism;
    if (!isOf || reserved.stated !== stated || !isLoggedEpsilon(reserved.epsilon, promised))
      findings.add(
        mismatch(jobId, `what is reserved is not what the manifest comes to, ${promised}`),
        reserved.leaf,
      );
  }
  for (const one of spent) {
    const epsilon = after(one.opened);
    if (one.unit !== unit || one.delta !== delta || !isLoggedEpsilon(one.epsilon, epsilon))
      findings.add(mismatch(jobId, `${one.epsilon} is said to be spent, and it is ${epsilon}`), one.leaf);
  }
  const all = after(opened);
  // What is stated may have been rounded as a number.
  if (all > stated * (1 + 1e-9))
    findings.add(
      new HanseError('privacyExceeded', { jobId, spent: all, stated }),
      spent.at(-1)?.leaf ?? leaf,
    );
}

function contradicts(reason: string): HanseError<'leafContradicts'> {
  return new HanseError('leafContradicts', { reason });
}

function mismatch(jobId: string, reason: string): HanseError<'privacyMismatch'> {
  return new HanseError('privacyMismatch', { jobId, reason });
}

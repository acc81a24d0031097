/**
 * What the entries of a log say of a job, as far as it is checked: `log-audit.ts` reads them, `job-audit.ts` goes on from there.
 * SPEC.md 13.8.
 */
import type { AuditData } from '../../schemas/audit-event.ts';

/** What an attempt at a round has left in the log. */
export interface LoggedAttempt {
  readonly round: number;
  readonly attempt: number;
  /** SHA-256 of updates, hex, in the order in which they came. */
  readonly accepted: string[];
  /** That its secrets were opened: what its sum tells is out, whatever became of it. */
  isOpened: boolean;
  /** That an entry tells what it has spent of privacy. */
  isSpent: boolean;
  /** Index of its opening. */
  readonly leaf: number;
  aggregated?: AuditData<'round.aggregated'> & { readonly leaf: number };
  released?: { readonly leaf: number };
}

export interface LoggedJob {
  readonly jobId: string;
  readonly manifestSha256: string;
  /** Index of its creation. */
  readonly leaf: number;
  /** In the order in which they were opened. */
  readonly attempts: Map<string, LoggedAttempt>;
  /** The last round that was released; 0 before any. */
  released: number;
  readonly privacy: LoggedPrivacy;
}

/** What entries say of the privacy of a job. */
export interface LoggedPrivacy {
  /** Attempts that were opened so far. */
  opened: number;
  /** Whether a job before it has reserved: then it does so too, if it promises something. */
  readonly isDue: boolean;
  reserved?: AuditData<'privacy.reserved'> & { readonly leaf: number };
  readonly spent: (AuditData<'privacy.spent'> & { readonly leaf: number })[];
}

/**
 * What the verification of an audit log has come to: the result of `hanse audit verify`. SPEC.md 13.8.
 */

/** Something that is wrong. */
export interface AuditFinding {
  /** Of a problem. */
  readonly code: string;
  /** Index of the entry where it is. */
  readonly leaf?: number;
  readonly message: string;
}

/** One aggregated round whose record and model were checked. */
export interface AuditedRound {
  readonly round: number;
  readonly attempt: number;
  /** SHA-256. */
  readonly model: string;
  readonly released: boolean;
  /** Whether its sum was made again from the masked updates; false: another one came out. */
  readonly recomputed: boolean | 'notRecomputable';
}

/** What a job promises, and what its rounds have taken of that: computed anew. */
export interface AuditedPrivacy {
  readonly unit: string;
  readonly delta: number;
  /** Rounds whose sums were opened, however they ended. */
  readonly rounds: number;
  /** Against the coordinator and whoever takes part; where the coordinator is trusted, against everybody else. */
  readonly spent: number;
  /** If all rounds of the job were opened. */
  readonly promised: number;
  /** As the manifest says it. */
  readonly stated: number;
}

export interface AuditedJob {
  readonly jobId: string;
  readonly rounds: readonly AuditedRound[];
  /** Null where the job promises nothing. */
  readonly epsilon: AuditedPrivacy | null;
}

export interface AuditReport {
  readonly verified: boolean;
  readonly origin: string | null;
  /** Of entries; null where no checkpoint is to be believed. */
  readonly size: number | null;
  /** Hex. */
  readonly root: string | null;
  readonly witnesses: { readonly cosigned: number; readonly needed: number; readonly total: number };
  readonly jobs: readonly AuditedJob[];
  /** How many were looked for; absent: none were given. */
  readonly receipts?: number;
  readonly findings: readonly AuditFinding[];
}

/**
 * What a check has found, and what to do about it.
 */
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly ok: boolean;
  /** A finding that is not ok and not needed is only told. */
  readonly needed: boolean;
  readonly detail: string;
  /** What to do if it is not ok. */
  readonly remedy: string;
}

/** Where the remedy of a problem is to ask the doctor. */
const HERE: Partial<Record<ProblemCode, string>> = {
  coordinatorUnreachable:
    'See that the coordinator runs, that the address is right (http or https, name, port), and that no firewall is between.',
};

/** A check that threw. @param check what was looked at */
export function failure(check: string, error: unknown): Finding {
  const isKnown = error instanceof HanseError;
  const detail = isKnown ? `${error.code}: ${error.message}` : String(error);
  const remedy = isKnown
    ? (HERE[error.code as ProblemCode] ?? error.remedy)
    : 'Look at the log of the coordinator.';
  return { check, ok: false, needed: true, detail, remedy };
}

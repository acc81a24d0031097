/**
 * A question to a log: it is told every entry in order, and answers at the end. SPEC.md 13.15. Pure.
 */
import type { AnswerTable } from '../answer.ts';
import type { VerifiedEntry } from '../verified-entries.ts';

export interface Answer {
  /** Whether the log knows what was asked about. */
  readonly isKnown: boolean;
  readonly tables: readonly AnswerTable[];
  /** What is to be known of the answer: what it does not tell, and why. */
  readonly notes: readonly string[];
}

export interface Question {
  take(entry: VerifiedEntry): void;
  /** When all entries have gone by. */
  answer(): Answer;
}
